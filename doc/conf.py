# SPDX-License-Identifier: Apache-2.0
"""Sphinx, as rosdoc2 calls it: `make docs` builds the site from this folder, with warnings as errors."""

from __future__ import annotations

import sys
from pathlib import Path
from xml.etree import ElementTree

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

project = 'binclf_ros'
author = 'the binclf_ros developers'
copyright = author  # noqa: A001
release = ElementTree.parse(HERE.parent / 'package.xml').getroot().findtext('version', '')
version = release

extensions = ['myst_parser']
source_suffix = {'.md': 'markdown'}
exclude_patterns = ['_build']
myst_enable_extensions = ['dollarmath', 'colon_fence', 'deflist']
myst_heading_anchors = 3
nitpicky = True
html_theme = 'furo'
html_title = 'binclf_ros'
