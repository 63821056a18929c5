"""Groups told of new cards; pictures as pages show them; clocks that stand; what the bot said; tries at the status page."""

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
    op.create_table(
        'picture',
        sa.Column('id', monitor.store.columns.Id, nullable=False),
        sa.Column('post_id', monitor.store.columns.Id, nullable=True),
        sa.Column('n', sa.Integer(), nullable=False),
        sa.Column('photo', monitor.store.columns.Id, nullable=True),
        sa.Column('ticket', sa.Text(), nullable=True),
        sa.Column('state', sa.Text(), nullable=False),
        sa.Column('tries', sa.Integer(), server_default='0', nullable=False),
        sa.Column('next_try_at', Utc(timezone=True), nullable=False),
        sa.Column('reason', sa.Text(), nullable=True),
        sa.Column('content', sa.LargeBinary(), nullable=True),
        sa.Column('small', sa.LargeBinary(), nullable=True),
        sa.ForeignKeyConstraint(['post_id'], ['post.id'], name=op.f('fk_picture_post_id_post')),
        sa.ForeignKeyConstraint(['photo'], ['photo.id'], name=op.f('fk_picture_photo_photo')),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_picture')),
        sa.UniqueConstraint('post_id', 'n', name=op.f('uq_picture_post_id_n')),
        sa.UniqueConstraint('photo', name=op.f('uq_picture_photo')),
    )
    for column in ('post_id', 'photo', 'ticket'):
        op.create_index(op.f(f'ix_picture_{column}'), 'picture', [column])
    op.create_index('ix_picture_waits', 'picture', ['next_try_at'], sqlite_where=sa.text("state = 'waiting'"),
                    postgresql_where=sa.text("state = 'waiting'"))
    with op.batch_alter_table('ticket', schema=None) as batch_op:
        batch_op.add_column(sa.Column('paused_until', Utc(timezone=True), nullable=True))
        batch_op.create_index('ix_ticket_paused', ['paused_until'], sqlite_where=sa.text('paused_until is not null'),
                              postgresql_where=sa.text('paused_until is not null'))
    op.create_table(
        'spoken',
        sa.Column('chat', monitor.store.columns.Id, autoincrement=False, nullable=False),
        sa.Column('message', monitor.store.columns.Id, autoincrement=False, nullable=False),
        sa.Column('ticket', sa.Text(), nullable=False),
        sa.Column('at', Utc(timezone=True), nullable=False),
        sa.Column('photo', sa.Boolean(), server_default=sa.text('false'), nullable=False),
        sa.Column('state', sa.Text(), nullable=False),
        sa.Column('tries', sa.Integer(), server_default='0', nullable=False),
        sa.Column('next_try_at', Utc(timezone=True), nullable=False),
        sa.Column('reason', sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint('chat', 'message', 'ticket', name=op.f('pk_spoken')),
    )
    op.create_index(op.f('ix_spoken_ticket'), 'spoken', ['ticket'])
    op.create_index('ix_spoken_waits', 'spoken', ['next_try_at'], sqlite_where=sa.text("state = 'waiting'"),
                    postgresql_where=sa.text("state = 'waiting'"))
    op.create_table(
        'attempt',
        sa.Column('id', monitor.store.columns.Id, nullable=False),
        sa.Column('what', sa.Text(), nullable=False),
        sa.Column('key', sa.LargeBinary(length=16), nullable=False),
        sa.Column('at', Utc(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_attempt')),
    )
    op.create_index(op.f('ix_attempt_at'), 'attempt', ['at'])
    op.create_index('ix_attempt_key', 'attempt', ['what', 'key', 'at'])


def downgrade() -> None:
    op.drop_table('attempt')
    op.drop_table('spoken')
    with op.batch_alter_table('ticket', schema=None) as batch_op:
        batch_op.drop_index('ix_ticket_paused')
        batch_op.drop_column('paused_until')
    op.drop_table('picture')
    op.execute(sa.text('DELETE FROM staff_group WHERE "by" IS NULL'))
    with op.batch_alter_table('staff_group', schema=None) as batch_op:
        batch_op.drop_column('lost_at')
        batch_op.alter_column('by', existing_type=sa.Integer(), nullable=False)
