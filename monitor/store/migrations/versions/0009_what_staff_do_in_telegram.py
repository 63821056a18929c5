"""Dialogues of the staff bot, groups in which an office works, photos that staff attach."""

import sqlalchemy as sa
from alembic import op

import monitor.store.columns

revision = '0009'
down_revision = '0008'
branch_labels = None
depends_on = None

_ID = sa.BigInteger().with_variant(sa.Integer(), 'sqlite')


def upgrade() -> None:
    op.create_table('dialogue',
    sa.Column('chat', _ID, autoincrement=False, nullable=False),
    sa.Column('account', sa.Integer(), autoincrement=False, nullable=False),
    sa.Column('ticket', sa.Text(), nullable=False),
    sa.Column('form', sa.Text(), nullable=False),
    sa.Column('step', sa.Text(), nullable=False),
    sa.Column('data', monitor.store.columns.Json(), nullable=True),
    sa.Column('nonce', _ID, nullable=False),
    sa.Column('asked', _ID, nullable=True),
    sa.Column('at', monitor.store.columns.Utc(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['account'], ['account.id'], name=op.f('fk_dialogue_account_account')),
    sa.PrimaryKeyConstraint('chat', 'account', name=op.f('pk_dialogue'))
    )
    with op.batch_alter_table('dialogue', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_dialogue_ticket'), ['ticket'], unique=False)
    op.create_table('staff_group',
    sa.Column('chat', _ID, autoincrement=False, nullable=False),
    sa.Column('office', sa.Text(), nullable=False),
    sa.Column('by', sa.Integer(), nullable=False),
    sa.Column('at', monitor.store.columns.Utc(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['by'], ['account.id'], name=op.f('fk_staff_group_by_account')),
    sa.PrimaryKeyConstraint('chat', name=op.f('pk_staff_group'))
    )
    op.create_table('photo',
    sa.Column('id', _ID, nullable=False),
    sa.Column('ticket', sa.Text(), nullable=False),
    sa.Column('answer', _ID, nullable=True),
    sa.Column('by', sa.Integer(), nullable=False),
    sa.Column('at', monitor.store.columns.Utc(timezone=True), nullable=False),
    sa.Column('state', sa.Text(), nullable=False),
    sa.Column('file', sa.Text(), nullable=False),
    sa.Column('same', sa.Text(), nullable=False),
    sa.Column('content', sa.LargeBinary(), nullable=True),
    sa.ForeignKeyConstraint(['answer'], ['answer.id'], name=op.f('fk_photo_answer_answer')),
    sa.ForeignKeyConstraint(['by'], ['account.id'], name=op.f('fk_photo_by_account')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_photo')),
    sa.UniqueConstraint('ticket', 'same', name=op.f('uq_photo_ticket_same'))
    )
    with op.batch_alter_table('photo', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_photo_answer'), ['answer'], unique=False)
        batch_op.create_index(batch_op.f('ix_photo_ticket'), ['ticket'], unique=False)


def downgrade() -> None:
    op.drop_table('photo')
    op.drop_table('staff_group')
    op.drop_table('dialogue')
