"""The use cases: plan, discover, decide, fetch, verify, commit, publish."""
