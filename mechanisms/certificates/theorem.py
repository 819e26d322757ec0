"""Certificates that a theorem applies: to an economy and an institution of which all its premises hold.

The certificate names the theorem, holds what its premises speak of and nothing else, and says what came out of each.
What proves the conclusion is that the premises hold; so verification derives every one of them anew from the economy
and the institution, and believes nothing that is stored about them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from marketgame.mechanisms.certificates.plain.instance import Checked, Instance, Premise
from marketgame.mechanisms.certificates.theorems import Theorem
from marketgame.mechanisms.certificates.verification import Verification, compared, required
from marketgame.mechanisms.economies.economy import Economy
from marketgame.mechanisms.linear_program.deadline import NO_DEADLINE, Deadline


@dataclass(frozen=True, eq=False)
class TheoremCertificate:
    """Why a theorem's conclusion holds of an economy and an institution.

    Attributes:
        theorem: by its name.
        instance: what it is applied to, as far as it speaks of it.
        premises: in the order of the theorem, with what came out.
    """

    theorem: Theorem
    instance: Instance
    premises: tuple[Premise, ...]

    @property
    def economy(self) -> Economy:
        """The economy."""
        return self.instance.economy


def certify_theorem(
    theorem: Theorem, instance: Instance, deadline: Deadline = NO_DEADLINE
) -> TheoremCertificate | None:
    """Return the certificate that a theorem applies; none if a premise does not hold.

    Args:
        theorem: the theorem.
        instance: to what; parts of which it does not speak are left out.
        deadline: of the derivation.

    Raises:
        ValueError: the contract does not exist, or the rules do not admit it.
        DeadlinePassedError: time ran out.
    """
    spoken_of = instance.only(theorem.about)
    checked = tuple(theorem.check(spoken_of, deadline))
    if not checked or not all(one.holds for one in checked):
        return None
    return TheoremCertificate(theorem, spoken_of, tuple(one.premise for one in checked))


def recomputed_theorem(certificate: TheoremCertificate) -> TheoremCertificate:
    """Return the certificate with its premises checked anew, whatever comes out.

    Raises:
        ValueError: the contract does not exist, or the rules do not admit it.
    """
    checked = certificate.theorem.check(certificate.instance, NO_DEADLINE)
    return replace(certificate, premises=tuple(one.premise for one in checked))


def verify_theorem(certificate: TheoremCertificate) -> Verification:
    """Check every premise anew, and compare what came out."""
    theorem, instance = certificate.theorem, certificate.instance
    beside = sorted(instance.parts - theorem.about)
    if beside:
        return Verification(failures=(f"{', '.join(beside)} cannot be there: the theorem does not speak of it",))
    try:
        checked = tuple(theorem.check(instance, NO_DEADLINE))
    except (ValueError, ArithmeticError) as error:
        return Verification(failures=(f"the premises cannot be checked: {error}",))
    stored, names = certificate.premises, [one.about for one in checked]
    return Verification.joined(
        (
            required(bool(checked), "nothing was checked"),
            required([one.about for one in stored] == names, f"premises must be those of the theorem: {names}"),
            *(_missed(one) for one in checked),
            *(_compared(place, *pair) for place, pair in enumerate(zip(stored, checked, strict=False))),
        )
    )


def _missed(checked: Checked) -> Verification:
    amount = "" if checked.amount is None else f", by {float(checked.amount):.6g}"
    return required(checked.holds, f"premise {checked.about!r} does not hold: {checked.found}{amount}")


def _compared(place: int, stored: Premise, checked: Checked) -> Verification:
    path, found = f"premises[{place}]", checked.premise
    if (stored.amount is None) is not (found.amount is None):
        return Verification(failures=(f"{path}.amount must be {'there' if stored.amount is None else 'none'}",))
    numbers = Verification()
    if stored.amount is not None and found.amount is not None:
        numbers = compared(f"{path}.amount", stored.amount, found.amount, float(checked.at_stake))
    same = stored.found == found.found
    return Verification.joined((numbers, required(same, f"{path}.found is {stored.found!r}; it is {found.found!r}")))
