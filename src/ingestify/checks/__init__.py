"""Checks that a file is of its declared format, and that the files of a bundle agree.

- files: checks a file by its declared format, over the modules of the formats.
- json_document, json_lines, xml_document, delimited (CSV, TSV), gzip_file, zip_archive, iso_media (MP4, QuickTime),
  signature (formats with magic bytes only): one format each.
- strict_json, text: strict JSON and UTF-8.
- zip_directory, zip_member, archive: reads ZIP archives within limits; archive is for sources.
- error_response: recognises an error in place of a file or listing.
- appearance: recognises a format by a file's first bytes.
- content: the bytes that a check reads.
- problem: the error of a check.
- drift: compares files with those of earlier revisions, and of other datasets.
- statsbomb: checks that the files of a StatsBomb match agree.
"""
