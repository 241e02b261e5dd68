"""The version of the whole: services, documents, images and chart; here and nowhere else.

What needs it literally is written by ``make version``.
"""

VERSION = "2.0.0"
