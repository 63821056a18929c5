"""What is known of a source: its rhythm, lag and pace; which holes were alarmed and filled; what was asked of each account."""

import sqlalchemy as sa
from alembic import op

import monitor.store.columns

revision = '0011'
down_revision = '0008'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        'allowance',
        sa.Column('network', sa.Text(), nullable=False),
        sa.Column('account', sa.Text(), nullable=False),
        sa.Column('name', sa.Text(), nullable=False),
        sa.Column('spent', monitor.store.columns.Json(), nullable=True),
        sa.Column('until', monitor.store.columns.Utc(timezone=True), nullable=True),
        sa.Column('reason', sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint('network', 'account', 'name', name=op.f('pk_allowance')),
    )
    with op.batch_alter_table('source', schema=None) as batch_op:
        batch_op.add_column(sa.Column('every', sa.Float(), nullable=True))
        batch_op.add_column(sa.Column('lag', sa.Float(), nullable=True))
        batch_op.add_column(sa.Column('rhythm', monitor.store.columns.Json(), nullable=True))
        batch_op.add_column(sa.Column('quiet_since', monitor.store.columns.Utc(timezone=True), nullable=True))
        batch_op.add_column(sa.Column('backfill', monitor.store.columns.Json(), nullable=True))
    with op.batch_alter_table('hole', schema=None) as batch_op:
        batch_op.add_column(sa.Column('alarmed_at', monitor.store.columns.Utc(timezone=True), nullable=True))
        batch_op.add_column(sa.Column('filled_at', monitor.store.columns.Utc(timezone=True), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table('hole', schema=None) as batch_op:
        for name in ('filled_at', 'alarmed_at'):
            batch_op.drop_column(name)
    with op.batch_alter_table('source', schema=None) as batch_op:
        for name in ('backfill', 'quiet_since', 'rhythm', 'lag', 'every'):
            batch_op.drop_column(name)
    op.drop_table('allowance')
