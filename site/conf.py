"""Sphinx settings of the site; `tools.build_site` lays out the sources and runs Sphinx."""

from helpers import __version__

project = "Archives in the Cloud"
author = "the Archives in the Cloud developers"
copyright = "2026, the Archives in the Cloud developers"
release = version = __version__
language = "en"

extensions = [
    "myst_nb",  # pages from executed notebooks
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "numpydoc",  # the docstrings' form
    "sphinx_copybutton",
    "sphinx_design",  # the gallery's cards
]
nb_execution_mode = "off"  # the pairs hold the outputs
myst_enable_extensions = ["colon_fence", "attrs_inline"]
myst_heading_anchors = 3
autosummary_generate = True
autodoc_typehints = "none"  # numpydoc shows the types
numpydoc_show_class_members = False
suppress_warnings = ["mystnb.unknown_mime_type"]

html_theme = "pydata_sphinx_theme"
html_title = project
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_theme_options = {
    "header_links_before_dropdown": 6,
    "navbar_persistent": [],
    "navbar_end": ["search-button", "theme-switcher"],
    "show_prev_next": True,
    "navigation_with_keys": False,
    "secondary_sidebar_items": ["page-toc"],
    "footer_start": ["copyright"],
    "footer_end": [],
    "pygments_light_style": "a11y-high-contrast-light",
    "pygments_dark_style": "a11y-high-contrast-dark",
}
html_sidebars = {
    page: []
    for page in (
        "index",
        "helpers",
        "transfer",
        "replica",
        "sky",
        "recordings",
        "offline_tests",
        "faults",
        "search",
        "genindex",
    )
}
html_show_sourcelink = False
