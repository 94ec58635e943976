"""Tables, migrations and every SQL statement: one module of queries a noun, each set-based.

Functions take an open psycopg connection and values, and leave transactions to their caller unless they say
otherwise. Nothing of Scorelane's other rooms is imported here.
"""
