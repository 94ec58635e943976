"""The command line: ``scorelane``. Names of commands, options and JSON fields are a contract.

Other rooms call nothing here; `sources.read` is the one reader of PATH arguments.
"""
