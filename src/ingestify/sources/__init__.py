"""The sources: how datasets are found at each provider.

Any source:
- registry: finds a source's class by its name in the configuration, and makes the source.
- own_modules: makes modules beside a config file importable.
- description: describes a type of source, for people and tools.

The providers' APIs and open data:
- statsbomb, wyscout, skillcorner, impect: the APIs, over api (credentials) and bearer_token.
- statsbomb_github, wyscout_github, skillcorner_github, impect_github, metrica_github, sportec_huggingface: open data,
  over open_data, github_source, github_commit (what the repository holds at one moment), github_repository (its URLs)
  and git_lfs (pointers).
- statsbomb_matches, impect_iterations: the index that a provider's API and open data share.
- wyscout_changes: Wyscout's feed of changes.
- base_url: the base class of all of these.
- entries: reads an index entry by entry.
- once_per_run: what is found out once in a run.
- recent_response: a response that several discoveries share.
- recheck_schedule: when a file without a time is requested again.
- iso_time: parses times.

Sources without code:
- files, push, rest: deliveries, what is pushed to us, and REST APIs by a description.
- one_type: what files and push have in common.
- declaration: reads their typed configuration.
- placeholders, template: texts with placeholders.
"""
