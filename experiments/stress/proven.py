"""A "yes" that a theorem gives, with the certificate that its premises hold; without that there is none."""

from __future__ import annotations

from marketgame.experiments.certificate_files.files import certificate_text
from marketgame.experiments.stress.ruling import Evidence, Ruling
from marketgame.mechanisms.certificates.plain.instance import Instance, Premise
from marketgame.mechanisms.certificates.theorem import certify_theorem
from marketgame.mechanisms.certificates.theorems import Theorem
from marketgame.mechanisms.contracts.grand_contract import GrandContract
from marketgame.mechanisms.deviations.effort import Verdict
from marketgame.mechanisms.linear_program.deadline import NO_DEADLINE, Deadline
from marketgame.mechanisms.market_game.rules import MarketRules


def contract_instance(contract: GrandContract, rules: MarketRules) -> Instance:
    """Return a contract under rules as theorems speak of it."""
    return Instance(
        contract.economy,
        rules=rules,
        numeraire_transfers=contract.numeraire_transfers,
        prices=contract.efficient.price,
        stated=contract.stated,
    )


def proven_by(
    theorem: Theorem, instance: Instance, deadline: Deadline = NO_DEADLINE, *, approached: bool = False
) -> Ruling | None:
    """Return the ruling that a theorem makes; none if a premise does not hold.

    Args:
        theorem: the theorem.
        instance: to what it is applied.
        deadline: of the derivation of its premises.
        approached: of consistent coalitions, whether some pair has an improvement that only a guess breaks.

    Raises:
        ValueError: the contract does not exist, or the rules do not admit it.
        DeadlinePassedError: time ran out.
    """
    certificate = certify_theorem(theorem, instance, deadline)
    if certificate is None:
        return None
    return Ruling(
        Verdict.PROVEN,
        theorem.value,
        approached=approached,
        evidence=Evidence(f"{theorem.value.replace(' ', '-')}.json", certificate_text(certificate)),
        theorem=f"{theorem.says} ({theorem.proof})",
        premises=tuple((one.about, _found(one)) for one in certificate.premises),
    )


def _found(premise: Premise) -> str:
    return premise.found if premise.amount is None else f"{premise.found}, but for {premise.amount:.3g} numeraire"
