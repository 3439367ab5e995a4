"""The config.yaml that `ingestify init` writes."""

from __future__ import annotations

__all__ = ["config_template"]

_TEMPLATE = """\
# The settings of ingestify.  `ingestify run` fetches what the plans below ask for.
# A line that begins with #, without a blank after it, can be switched on by removing the #.
# Any text can come from the environment, or from a file .env next to this one: !ENV "${NAME}", or with a
# default, !ENV "${NAME:default}". A vault url stands for a secret that is kept in a vault: "vault+aws://name#key" or
# "vault+gcp://project/name#key", wherever there is a configuration, and for the two URLs below.

main:
  # The name of this lake in other systems, such as an orchestrator. They keep it, so it never changes.
  #name: club

  # The catalogue: which datasets, revisions and files there are. Relative paths begin at this file's folder.
  metadata_url: sqlite:///database/catalog.db

  # The files themselves. A plain path after file://, with blanks as blanks. Or a bucket: s3://my-bucket/football,
  # gs://my-bucket/football, az://my-container/football, with what its server wants to be told.
  file_url: file://database/files/
  #file_options: {region: "eu-west-1"}

  # The part of the lake that is used when no --bucket is given.
  default_bucket: main

  # How files are stored that are not compressed already: zstd, gzip or none.
  compression: zstd

  # Begins the name of each table, for a database that is shared with others.
  #metadata_options: {table_prefix: "football_"}

sources:
  # StatsBomb's open data. Please read their terms: https://github.com/statsbomb/open-data
  statsbomb:
    type: ingestify.statsbomb_github

    # What the source is made with. Here: a mirror in place of GitHub.
    #configuration: {base_url: "https://mirror.example/statsbomb/open-data/master/data"}

    # How fast the provider may be asked, and how many requests may be in flight at once. Left out, it is found out
    # from what the provider refuses.
    #rate_limit: {requests_per_second: 10}
    #max_concurrency: 8

    # How long an answer is waited for, and how often a request is tried in all.
    #timeout: {connect_seconds: 10, read_seconds: 60}
    #retries: {attempts: 5}

    # Where the provider may lead to beside its own host, and how much one file may have.
    #redirect_hosts: [cdn.example.com]
    #max_file_size: 64 GB

    # How much that is not listed any more is MISSING at once; more of it only when the next run says the same.
    #missing: {at_once_count: 3, at_once_share: 0.2}

  # A source of your own: a class in my_package.py next to this file. A list is merged from left to right.
  #mine:
  #  type: my_package.MySource
  #  configuration:
  #    - {base_url: "https://api.example/v1", options: {page_size: 100}}
  #    - {api_key: !ENV "${MY_API_KEY:not-set}"}
  #    - "vault+aws://lake/mine?region=eu-west-1"

# What datasets hold and how they are kept, where it is not the usual way. Here: what a complete match has, checks of
# your own in my_package.py, an index to find matches by, and folders of 1,000. Text is spread by a hash with
# {type: bucket, bucket_count: 100}, or by its beginning with {type: prefix, prefix_length: 2}.
#dataset_types:
#  - provider: mine
#    dataset_type: match
#    loader: opta    # the format of its files, where the source does not say it
#    requires: [events, lineups]
#    optional: [tracking]
#    checks: [my_package.MyCheck]
#    identifier_index: true
#    identifier_keys:
#      match_id: {key_type: int, transformation: {type: bucket, bucket_size: 1000}}

# What failed a check is kept in quarantine:  ingestify quarantine list . So is what shrank to less than a tenth.
#quarantine: {retry_after_hours: 20, shrunk: 0.1}

# A selector whose last ingest is older than this is stale, for those who are told what a run came to.
#freshness: {stale_after: 36h}

ingestion_plans:
  - source: statsbomb
    dataset_type: match
    #enabled: false    # leaves it out for now; on a source, all of its plans

    # The feeds and their versions; a list asks for several. Left out: each feed, as v1.
    #data_spec_versions: {default: v1, events: [v1]}

    # When a dataset is fetched again; left out: when a file is new, or announced with another time. Or a type with a
    # configuration.
    #fetch_policy: my_package.Cadence
    #fetch_policy: {type: my_package.Cadence, configuration: {hours: 6}}

    # Which part. Left out: everything that the source discovers.
    selectors:
      # The FIFA World Cup 2022.
      - {competition_id: 43, season_id: 106}

      # Lists multiply: La Liga in two seasons.
      #- {competition_id: 11, season_id: [90, 42]}

      # An expression over what the source discovers: all seasons of La Liga that came after number 42.
      #- "competition_id == 11 and season_id > 42"
      #- "competition_id in [43, 55] or season_id == 106"

      # Everything.
      #- "*"

# Who is told of new datasets and revisions while they are committed: a class in my_package.py.
#event_subscribers:
#  - type: my_package.MySubscriber
#    configuration: {channel: football}

# Who is told what a run came to: a URL, or a class in my_package.py; for every run, or when it has one of these
# outcomes: finished, failed, interrupted, stale, shrunk.
#run_hooks:
#  - type: ingestify.webhook
#    configuration: {url: "https://hooks.example.com/lake", secret: !ENV "${HOOK_SECRET:not-set}"}
#    when: [failed, stale, shrunk]
"""


def config_template() -> str:
    """Return a config.yaml that works as it is, with every other setting as a comment."""
    return _TEMPLATE
