"""How objectives over the core are written."""

SEVERANCE, WELFARE, PAYOFF = "severance", "welfare", "payoff"
OBJECTIVES = f"{SEVERANCE}|{PAYOFF}:PLAYER/TYPE|{WELFARE}"
