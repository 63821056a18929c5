"""A hole may be a part of a source: the comments of one post, one list, that the network refuses."""

import sqlalchemy as sa
from alembic import op

revision = '0016'
down_revision = '0012'
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table('hole', schema=None) as batch_op:
        batch_op.add_column(sa.Column('part', sa.Text(), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table('hole', schema=None) as batch_op:
        batch_op.drop_column('part')
