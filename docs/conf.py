"""Configuration of the documentation."""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))
sys.path.insert(0, str(ROOT / "docs"))

import ritz  # noqa: E402

project = "Ritz"
author = "The Ritz developers"
copyright = "2026, the Ritz developers"
version = release = ritz.__version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.intersphinx",
    "sphinx.ext.mathjax",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
    "sphinxcontrib.bibtex",
    "_generate",
]
intersphinx_mapping = {}  # other projects' indices would need the network at build time
bibtex_bibfiles = ["references.bib"]
bibtex_reference_style = "author_year"
myst_enable_extensions = ["dollarmath", "colon_fence", "attrs_inline"]
myst_heading_anchors = 3
autodoc_member_order = "bysource"
autodoc_typehints = "none"  # shapes and meanings are in the NumPy-style text
autosummary_generate = True
napoleon_google_docstring = False
napoleon_use_rtype = False
napoleon_use_ivar = True  # properties among the attributes are then described once
exclude_patterns = ["_build", "generated", "benchmarks.md"]
html_theme = "furo"
html_title = f"Ritz {version}"
html_static_path = ["_static"]
# Sphinx tries to resolve words such as "shape" in the types of parameters as references.
suppress_warnings = ["ref.python"]
