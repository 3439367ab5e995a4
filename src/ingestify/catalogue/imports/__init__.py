"""What comes from other lakes with its whole history.

history_import       datasets with all of their revisions, and quarantine entries, of a lake of ours
published_catalogue  reads the catalogue of a lake of the published package
published_values     its rows, and the datasets in its events, as our values
adoption_writer      what only the adoption of such a lake writes
"""
