"""The files of one dataset together.

- `bundle`: the loaded files, compared with what the lake and the quarantine have.
- `loaded_file`: what came of one file.
- `bundle_rules`: what a complete bundle holds, which checks there are, and when a rejected bundle is fetched again.
- `broken_files`: broken files are left out of bundles that are good without them.
- `check_calls`: calls the checks of a bundle, each with a time limit.
- `volatile`: compares two responses for one file.
"""
