"""The codes by which citizens see their cards, and where each talk with the bot stands."""

import sqlalchemy as sa
from alembic import op

import monitor.store.columns

revision = '0010'
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        'access',
        sa.Column('number', sa.Text(), nullable=False),
        sa.Column('salt', sa.LargeBinary(length=16), nullable=False),
        sa.Column('hash', sa.LargeBinary(length=32), nullable=False),
        sa.Column('made_at', monitor.store.columns.Utc(), nullable=False),
        sa.PrimaryKeyConstraint('number', name=op.f('pk_access')))
    op.create_table(
        'talk',
        sa.Column('chat', monitor.store.columns.Id, autoincrement=False, nullable=False),
        sa.Column('language', sa.Text(), nullable=True),
        sa.Column('akimat', sa.Text(), nullable=True),
        sa.Column('state', monitor.store.columns.Json(), nullable=True),
        sa.Column('recent', monitor.store.columns.Json(), nullable=True),
        sa.Column('at', monitor.store.columns.Utc(), nullable=False),
        sa.PrimaryKeyConstraint('chat', name=op.f('pk_talk')))
    op.create_index('ix_talk_at', 'talk', ['at'])


def downgrade() -> None:
    op.drop_index('ix_talk_at', 'talk')
    op.drop_table('talk')
    op.drop_table('access')
