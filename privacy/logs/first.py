"""Importing this installs the log layer: the first line of every module that a foreign program starts with.

Flower starts a process of its own for an app and imports it by name, so the app's first import is the earliest
moment. Where a test or a notebook imports the app, only records are made clean (`install`).
"""

from privacy.logs.install import install

install()
