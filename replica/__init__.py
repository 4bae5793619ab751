"""An embedded stand-in for the archives: the same URLs, no network, simulated data.

The package never imports :mod:`helpers`; clients reach it only over HTTP.
"""
