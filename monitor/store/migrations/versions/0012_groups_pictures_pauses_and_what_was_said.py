"""Groups told of new cards."""

import sqlalchemy as sa
from alembic import op

import monitor.store.columns

revision = '0012'
down_revision = '0011'
branch_labels = None
depends_on = None

Utc = monitor.store.columns.Utc


def upgrade() -> None:
    with op.batch_alter_table('staff_group', schema=None) as batch_op:
        batch_op.alter_column('by', existing_type=sa.Integer(), nullable=True)
        batch_op.add_column(sa.Column('lost_at', Utc(timezone=True), nullable=True))


def downgrade() -> None:
    op.execute(sa.text('DELETE FROM staff_group WHERE "by" IS NULL'))
    with op.batch_alter_table('staff_group', schema=None) as batch_op:
        batch_op.drop_column('lost_at')
        batch_op.alter_column('by', existing_type=sa.Integer(), nullable=False)
