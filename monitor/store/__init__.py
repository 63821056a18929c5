"""The database: tables, engine, migrations and the queries for posts, verdicts and sources.

Queries are plain functions `(connection, values...)` inside somebody else's transaction; `engine.Database` opens it.
"""
