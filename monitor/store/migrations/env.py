"""Alembic's entry: runs the migrations on the connection that monitor.store.schema hands in."""

from alembic import context

# With autogenerate (`make migration`) the caller hands in the metadata too; upgrading needs only the scripts.
context.configure(connection=context.config.attributes["connection"],
                  target_metadata=context.config.attributes.get("metadata"), render_as_batch=True)
with context.begin_transaction():
    context.run_migrations()
