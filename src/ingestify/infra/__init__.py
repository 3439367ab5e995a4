"""Paths of the published package to adapters: each module only imports from where the class is.

event_log                 `EventLogConsumer`, and `EventLogSubscriber` for configurations that name it
source.statsbomb_github   `StatsBombGithub`
"""
