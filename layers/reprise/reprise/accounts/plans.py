"""The plans that an account may be on."""

PLANS = ("free", "standard", "local")
DEFAULT_PLAN = "standard"
