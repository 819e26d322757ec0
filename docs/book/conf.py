"""How the book is built: the pages of ``docs/``, the notebooks as they were executed, and the reference."""

from __future__ import annotations

import sys
import tomllib
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

PROJECT: Final = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]

project = PROJECT["name"]
author = PROJECT["authors"][0]["name"]
release = version = PROJECT["version"]
project_copyright = author

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
    "myst_nb",
    "docs.book.mathml",
    "docs.book.reference",
    "docs.book.linking",
]
exclude_patterns = ["_build", "book", "examples", "tables"]
source_suffix = {".md": "myst-nb", ".ipynb": "myst-nb", ".rst": "restructuredtext"}

# Headings are addresses, as they are on the pages themselves.
myst_heading_anchors = 4
# The notebooks are shown as they were executed by `make notebooks`.
nb_execution_mode = "off"
nb_merge_streams = True

# A name in single quotes of code is a link where the reference has it.
default_role = "py:obj"
add_module_names = False
python_use_unqualified_type_names = True
autodoc_default_options = {
    "members": True,
    "ignore-module-all": True,
    "show-inheritance": True,
    "member-order": "bysource",
}
autodoc_typehints = "description"
autodoc_typehints_description_target = "documented_params"
napoleon_custom_sections = [("Source", "notes_style"), ("Sources", "notes_style")]
napoleon_use_rtype = False
# What a class documents as its attributes is not told twice.
napoleon_use_ivar = True

html_theme = "pydata_sphinx_theme"
html_title = f"{project} {release}"
html_theme_options = {
    "navbar_center": [],
    # The index of equations needs the room.
    "secondary_sidebar_items": {"**": ["page-toc"], "equations": []},
    "show_toc_level": 2,
    "navigation_with_keys": False,
    "footer_end": [],
}
templates_path = ["templates"]
html_static_path = ["static"]
html_css_files = ["book.css"]
# All chapters, on every page.
html_sidebars = {"**": ["chapters.html"]}
html_show_sourcelink = False
html_copy_source = False
html_math_renderer = "mathml"

# Annotations that are imported for the type checker alone are bare names, of which several modules may have one.
suppress_warnings = ["ref.python"]
