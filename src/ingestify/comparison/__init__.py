"""What changed between two revisions of a dataset, record by record.

files        compares the files of two revisions
content      the records of a file: JSON, JSON Lines, CSV, XML
records      compares two lists of records by a `RecordKey`
matching     which record of one list is which of the other
values       compares two JSON values
references   records that belong to no record of another feed
sentence     the sentence that people read first
words        nouns, plurals and numbers of it
difference   one difference, and what a comparison found
kind         what can become of a record
"""
