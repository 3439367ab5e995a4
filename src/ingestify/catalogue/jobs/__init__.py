"""Runs and jobs, who is at which, and what is remembered between them."""
