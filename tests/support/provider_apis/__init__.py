"""The paid providers' APIs on loopback, with invented seasons behind them.

- provider_api: what the APIs have in common: the limit of requests, the authorization, faults, ETags.
- statsbomb, wyscout, skillcorner, impect: one provider's paths each.
- wyscout_documents, skillcorner_documents, impect_documents: the JSON that a provider serves about a match.
- plays: the passes and shots of an invented match, from which those documents are made.
"""
