"""A laboratory for trading institutions under private information and collusion."""

from pathlib import Path

# In a checkout the folders stand beside this one; in a wheel, inside it.
_CHECKOUT = Path(__file__).resolve().parent.parent
if (_CHECKOUT / "mechanisms" / "__init__.py").is_file() and (_CHECKOUT / "pyproject.toml").is_file():
    __path__.append(str(_CHECKOUT))
