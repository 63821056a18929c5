"""What staff say a post is about, beside what detection said."""

import sqlalchemy as sa
from alembic import op

import monitor.store.columns

revision = '0008'
down_revision = '0005'
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table('correction', schema=None) as batch_op:
        batch_op.add_column(sa.Column('changes', monitor.store.columns.Json(), nullable=True))
        batch_op.add_column(sa.Column('before_values', monitor.store.columns.Json(), nullable=True))
    with op.batch_alter_table('verdict', schema=None) as batch_op:
        batch_op.add_column(sa.Column('said_topic', sa.Text(), nullable=True))
        batch_op.add_column(sa.Column('said_kind', sa.Text(), nullable=True))
        batch_op.add_column(sa.Column('said_urgency', sa.Text(), nullable=True))
        batch_op.add_column(sa.Column('said_place', sa.Text(), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table('verdict', schema=None) as batch_op:
        for name in ('said_place', 'said_urgency', 'said_kind', 'said_topic'):
            batch_op.drop_column(name)
    with op.batch_alter_table('correction', schema=None) as batch_op:
        batch_op.drop_column('before_values')
        batch_op.drop_column('changes')
