"""Helpers of tests in several folders; each module's first line says what it is for.

- provider_apis: the paid providers' APIs on loopback.
"""
