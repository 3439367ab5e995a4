"""Helpers of several tests.

- provider_apis: the paid providers' APIs on loopback.
"""
