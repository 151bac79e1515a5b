"""
How the documentation is built: ``python -m sphinx -W -b html docs docs/_build/html``.
"""

import sys
from importlib.metadata import version as version_of
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

project = "braze_heap"
author = "the authors of braze_heap"
copyright = author
release = version = version_of("braze_heap")

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx_copybutton",
    "_ext.api",
    "_ext.drawings",
    "_ext.links",
    "_ext.tables",
]
exclude_patterns = ["_build"]

myst_enable_extensions = ["attrs_block"]
myst_heading_anchors = 3

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
autodoc_preserve_defaults = True
napoleon_numpy_docstring = False
napoleon_use_ivar = True
python_maximum_signature_line_length = 72
python_use_unqualified_type_names = True
default_role = "py:obj"
smartquotes_action = "D"
add_module_names = False

html_theme = "furo"
pygments_dark_style = "github-dark"
html_title = f"braze_heap {release}"
html_static_path = ["_static"]
html_css_files = ["pages.css"]
html_theme_options = {"navigation_with_keys": True}
html_copy_source = False
html_show_sphinx = False
copybutton_exclude = ".linenos, .gp, .go"
