"""One play of the market game settled as one would write it first: loops over lists, no arrays, no tolerances.

It shares no code and no shortcut with the package. Given fractions it is exact, which makes it the reference for the
tests; given floats it is the baseline of the benchmark.
"""

from __future__ import annotations

from typing import Any

PAPER = ("counterparty", "budget", "trades-stand", "unilateral", "free")


def settle_one_play(
    quotes: list[Any], orders: list[Any], endowments: list[Any], transfers: list[Any], rules: tuple[str, ...] = PAPER
) -> dict[str, list[Any]]:
    """Return cost, reason, wave, net trade, claim, allocation and waste of a play given as nested lists of numbers."""
    pricing, solvency, bankruptcy, execution, refusal = (*rules, *PAPER[len(rules) :])
    players, goods = range(len(quotes)), range(len(quotes[0]))
    if execution == "matched":
        orders = [[[both_order(orders[i][j][h], orders[j][i][h]) for h in goods] for j in players] for i in players]
    reason = [0 for _ in players]
    wave, tested = [0 for _ in players], 0
    cost: list[Any] = [0 for _ in players]
    standing = [[trades(pricing, quotes, i, j) for j in players] for i in players]
    while True:
        newly = {}
        tested += 1
        net_trade = []
        for i in players:
            flows = {j: [orders[i][j][h] - orders[j][i][h] for h in goods] for j in players if standing[i][j]}
            spent = sum(charge(pricing, quotes[i], quotes[j], flow) for j, flow in flows.items())
            net_trade.append([sum(flow[h] for flow in flows.values()) for h in goods])
            if reason[i] == 0:
                cost[i] = spent
                if spent > transfers[i]:
                    newly[i] = 1
                elif solvency == "no-short-sales" and any(endowments[i][h] + net_trade[i][h] < 0 for h in goods):
                    newly[i] = 2
        for i, why in newly.items():
            reason[i], wave[i] = why, tested
        if bankruptcy == "trades-stand" or not newly:
            break
        standing = [[standing[i][j] and reason[i] == reason[j] == 0 for j in players] for i in players]
    apart = [refusal == "escrow" and trades_no_further(i, pricing, quotes, orders, transfers) for i in players]
    claim = [[endowments[i][h] + net_trade[i][h] if reason[i] == 0 else 0 for h in goods] for i in players]
    together = [i for i in players if not apart[i]]
    pooled = [i for i in together if bankruptcy == "trades-stand" or reason[i] == 0]
    allocation, wasted = shared(claim, together, [sum(endowments[i][h] for i in pooled) for h in goods], endowments)
    return {
        "cost": cost,
        "reason": reason,
        "wave": wave,
        "net_trade": net_trade,
        "claim": claim,
        "allocation": allocation,
        "wasted": wasted,
    }


def shared(
    claim: list[list[Any]], together: list[int], supply: list[Any], endowments: list[list[Any]]
) -> tuple[list[list[Any]], list[Any]]:
    """Return what everybody holds after those together share the supply, and what is left of each good."""
    allocation = [list(own) for own in claim]
    wasted = []
    for h, there_is in enumerate(supply):
        shares = nearest_shares([claim[i][h] for i in together], there_is)
        for i, share in zip(together, shares, strict=True):
            allocation[i][h] = share
        wasted.append(sum(own[h] for own in endowments) - sum(own[h] for own in allocation))
    return allocation, wasted


def both_order(own: Any, other: Any) -> Any:
    """Return half of what flows to the one as far as the other orders it too; the other half is the other's order."""
    if own * other >= 0:
        return own * 0
    return (min(own, -other) if own > 0 else max(own, -other)) / 2


def trades_no_further(i: int, pricing: str, quotes: list[Any], orders: list[Any], transfers: list[Any]) -> bool:
    """Return whether a player is in no flow and owes nothing."""
    partners = [j for j in range(len(quotes)) if trades(pricing, quotes, i, j)]
    return transfers[i] >= 0 and all(orders[i][j] == orders[j][i] for j in partners)


def trades(pricing: str, quotes: list[Any], i: int, j: int) -> bool:
    """Return whether orders between two players count."""
    return i != j and (pricing != "void" or bool(quotes[i] == quotes[j]))


def charge(pricing: str, own: list[Any], other: list[Any], flow: list[Any]) -> Any:
    """Return what the net flow from another player costs."""
    if pricing == "midpoint":
        return sum((p + q) * n for p, q, n in zip(own, other, flow, strict=True)) / 2
    if pricing == "spread":
        return sum((max(p, q) if n > 0 else min(p, q)) * n for p, q, n in zip(own, other, flow, strict=True))
    if pricing not in ("counterparty", "void"):
        raise AssertionError(f"by hand one does not know what {pricing} pricing charges")
    return sum(q * n for q, n in zip(other, flow, strict=True))


def nearest_shares(claims: list[Any], supply: Any) -> list[Any]:
    """Return the nonnegative shares nearest to the claims to one good that do not exceed its supply."""
    shares = [max(claim, 0) for claim in claims]
    if sum(shares) <= supply:
        return shares
    ranked = sorted(claims, reverse=True)
    for served in range(len(claims), 0, -1):
        ration = (sum(ranked[:served]) - supply) / served
        if ranked[served - 1] >= ration:
            return [max(claim - ration, 0) for claim in claims]
    raise AssertionError("somebody is always served")
