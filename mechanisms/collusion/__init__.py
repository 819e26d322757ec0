r"""Collusion: side-contracts by which coalitions improve upon a contract, found or proved not to exist.

| concept | definition | module |
|---|---|---|
| extended Bayesian game with transfers | GR 2 | `extended_game` |
| communication contract | GR 3 | `extended_game` |
| incentive compatibility | GR 4 | `equilibrium` |
| communication equilibrium | GR 4' | `equilibrium` |
| revised game | GR 5 | `revised_game` |
| improvement | GR 6, 6' | `improvement`, `improvement_program` |
| proof that there is none | weak duality | `improvement_bound` |
| internally consistent improvement | GR 7, 7' | `internal_consistency` |
| (strongly) collusion-proof contract | GR 8 | `collusion_check` |
| collusion-proof communication equilibrium, strong Bayesian equilibrium | GR 8' | `collusion_check` |
| lie and disobedience together | GR 6.4, figure 1 | `docs/collusion.md` |
| two players and a third party | GR 1.1 and 3 | `third_party` |
| what members may report on the market | GR 5 | `cells` |
| side-contract on the market game | GR 3, 5, 6 | `side_contract` |
| its search by column generation | GR 6, 7 | `search`, `menu`, `program` |
| single members' obedience to it | GR 7 | `obedience` |
| the grand contract under attack | GR 8, Theorem 1 | `marketgame.mechanisms.certificates.examination` |

GR is Giraud and Rochon (2001).
"""

from marketgame.mechanisms.collusion.finite_games.collusion_check import CollusionCheck, check_collusion
from marketgame.mechanisms.collusion.finite_games.equilibrium import (
    InadmissibleTransferError,
    incentive_gain,
    interim_utilities,
    is_bic,
    is_communication_equilibrium,
)
from marketgame.mechanisms.collusion.finite_games.extended_game import (
    CommunicationContract,
    Concept,
    ExtendedGame,
    contract_for,
    pure_contract,
)
from marketgame.mechanisms.collusion.finite_games.improvement import (
    Flaw,
    Improvement,
    NoImprovement,
    Proof,
    UndecidedError,
    flaws_of,
    improvement,
    verify_improvement,
)
from marketgame.mechanisms.collusion.finite_games.improvement_bound import Multipliers, bound_of
from marketgame.mechanisms.collusion.finite_games.improvement_program import SideProblem
from marketgame.mechanisms.collusion.finite_games.internal_consistency import (
    ConsistencyEffort,
    Unsettled,
    internally_consistent_improvement,
    objection,
)
from marketgame.mechanisms.collusion.finite_games.revised_game import RevisedGame, coalitions_of, revised_game
from marketgame.mechanisms.collusion.finite_games.third_party import (
    ThirdPartyOffer,
    immune_to_third_party,
    third_party_offer,
)
from marketgame.mechanisms.collusion.side_contracts.cells import Cell, Knowledge, knowledge_of
from marketgame.mechanisms.collusion.side_contracts.obedience import Breach, ObedienceCheck, check_obedience
from marketgame.mechanisms.collusion.side_contracts.search import (
    SideContractSearch,
    SideEffort,
    SideSpent,
    find_consistent_side_contract,
    find_side_contract,
    flaws_of_side_contract,
)
from marketgame.mechanisms.collusion.side_contracts.side_contract import (
    Clause,
    SideContract,
    misreport_gain,
    promised_utilities,
    status_quo_utilities,
)

__all__ = [
    "Breach",
    "Cell",
    "Clause",
    "CollusionCheck",
    "CommunicationContract",
    "Concept",
    "ConsistencyEffort",
    "ExtendedGame",
    "Flaw",
    "Improvement",
    "InadmissibleTransferError",
    "Knowledge",
    "Multipliers",
    "NoImprovement",
    "ObedienceCheck",
    "Proof",
    "RevisedGame",
    "SideContract",
    "SideContractSearch",
    "SideEffort",
    "SideProblem",
    "SideSpent",
    "ThirdPartyOffer",
    "UndecidedError",
    "Unsettled",
    "bound_of",
    "check_collusion",
    "check_obedience",
    "coalitions_of",
    "contract_for",
    "find_consistent_side_contract",
    "find_side_contract",
    "flaws_of",
    "flaws_of_side_contract",
    "immune_to_third_party",
    "improvement",
    "incentive_gain",
    "interim_utilities",
    "internally_consistent_improvement",
    "is_bic",
    "is_communication_equilibrium",
    "knowledge_of",
    "misreport_gain",
    "objection",
    "promised_utilities",
    "pure_contract",
    "revised_game",
    "status_quo_utilities",
    "third_party_offer",
    "verify_improvement",
]
