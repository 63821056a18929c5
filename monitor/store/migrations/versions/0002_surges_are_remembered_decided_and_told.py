"""surges are remembered, decided and told."""

import sqlalchemy as sa
from alembic import op

import monitor.store.columns

revision = '0002'
down_revision = '0001'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('decision_head',
    sa.Column('id', sa.Integer(), autoincrement=False, nullable=False),
    sa.Column('seq', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('hash', sa.Text(), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_decision_head'))
    )
    op.create_table('observer_state',
    sa.Column('ruleset', sa.Text(), nullable=False),
    sa.Column('seq', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('taken_at', monitor.store.columns.Utc(timezone=True), nullable=False),
    sa.Column('state', sa.LargeBinary(), nullable=False),
    sa.PrimaryKeyConstraint('ruleset', name=op.f('pk_observer_state'))
    )
    op.create_table('surge_alert',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('surge', sa.Text(), nullable=False),
    sa.Column('verdict', sa.Text(), nullable=False),
    sa.Column('kind', sa.Text(), nullable=False),
    sa.Column('akimat', sa.Text(), nullable=True),
    sa.Column('topic', sa.Text(), nullable=True),
    sa.Column('due_at', monitor.store.columns.Utc(timezone=True), nullable=False),
    sa.Column('state', sa.Text(), nullable=False),
    sa.Column('reason', sa.Text(), nullable=True),
    sa.Column('rests_on', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=True),
    sa.Column('sent_at', monitor.store.columns.Utc(timezone=True), nullable=True),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_surge_alert')),
    sa.UniqueConstraint('surge', 'verdict', 'kind', name=op.f('uq_surge_alert_surge_verdict_kind'))
    )
    with op.batch_alter_table('surge_alert', schema=None) as batch_op:
        batch_op.create_index('ix_surge_alert_due', ['state', 'due_at'], unique=False)

    op.create_table('surge_paper',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('surge', sa.Text(), nullable=False),
    sa.Column('paper', sa.Text(), nullable=False),
    sa.Column('language', sa.Text(), nullable=False),
    sa.Column('text', sa.Text(), nullable=False),
    sa.Column('by', sa.Integer(), nullable=False),
    sa.Column('at', monitor.store.columns.Utc(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_surge_paper'))
    )
    with op.batch_alter_table('surge_paper', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_surge_paper_surge'), ['surge'], unique=False)

    op.create_table('surge_verdict',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('surge', sa.Text(), nullable=False),
    sa.Column('seq', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('ruleset', sa.Text(), nullable=False),
    sa.Column('detected_at', monitor.store.columns.Utc(timezone=True), nullable=False),
    sa.Column('verdict', sa.Text(), nullable=False),
    sa.Column('authors', sa.Integer(), nullable=False),
    sa.Column('detail', monitor.store.columns.Json(), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_surge_verdict')),
    sa.UniqueConstraint('surge', 'seq', 'ruleset', name=op.f('uq_surge_verdict_surge_seq_ruleset'))
    )
    op.create_table('observed',
    sa.Column('seq', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), autoincrement=False, nullable=False),
    sa.Column('post_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('at', monitor.store.columns.Utc(timezone=True), nullable=False),
    sa.Column('akimat', sa.Text(), nullable=True),
    sa.Column('topic', sa.Text(), nullable=True),
    sa.ForeignKeyConstraint(['post_id'], ['post.id'], name=op.f('fk_observed_post_id')),
    sa.PrimaryKeyConstraint('seq', name=op.f('pk_observed')),
    sa.UniqueConstraint('post_id', name=op.f('uq_observed_post_id'))
    )
    with op.batch_alter_table('observed', schema=None) as batch_op:
        batch_op.create_index('ix_observed_series', ['akimat', 'topic', 'at'], unique=False)

    op.create_table('surge_post',
    sa.Column('surge', sa.Text(), nullable=False),
    sa.Column('post_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), autoincrement=False, nullable=False),
    sa.ForeignKeyConstraint(['post_id'], ['post.id'], name=op.f('fk_surge_post_post_id')),
    sa.PrimaryKeyConstraint('surge', 'post_id', name=op.f('pk_surge_post'))
    )
    with op.batch_alter_table('surge_post', schema=None) as batch_op:
        batch_op.create_index('ix_surge_post_post', ['post_id'], unique=False)

    with op.batch_alter_table('decision', schema=None) as batch_op:
        batch_op.add_column(sa.Column('salt', sa.LargeBinary(length=16), nullable=True))
        batch_op.add_column(sa.Column('details', sa.Text(), server_default='{}', nullable=False))

    with op.batch_alter_table('surge', schema=None) as batch_op:
        batch_op.add_column(sa.Column('serial', sa.Integer(), nullable=True))
        batch_op.add_column(sa.Column('part_of', sa.Text(), nullable=True))
        batch_op.add_column(sa.Column('kind', sa.Text(), server_default='', nullable=False))
        batch_op.add_column(sa.Column('first_at', monitor.store.columns.Utc(timezone=True), nullable=True))
        batch_op.add_column(sa.Column('posts', sa.Integer(), server_default='0', nullable=False))
        batch_op.add_column(sa.Column('observed', sa.Float(), nullable=True))
        batch_op.add_column(sa.Column('expected', sa.Float(), nullable=True))
        batch_op.add_column(sa.Column('decision', sa.Text(), nullable=True))
        batch_op.add_column(sa.Column('decided_verdict', sa.Text(), nullable=True))
        batch_op.add_column(sa.Column('decided_by', sa.Integer(), nullable=True))
        batch_op.add_column(sa.Column('decided_at', monitor.store.columns.Utc(timezone=True), nullable=True))
        batch_op.add_column(sa.Column('routed_to', sa.Text(), nullable=True))
        batch_op.add_column(sa.Column('outcome', sa.Text(), nullable=True))
        batch_op.add_column(sa.Column('published', sa.Boolean(), server_default='0', nullable=False))
        batch_op.create_index(batch_op.f('ix_surge_part_of'), ['part_of'], unique=False)
        batch_op.create_unique_constraint(batch_op.f('uq_surge_serial'), ['serial'])

    # Surges told before this revision keep their place; their verdicts are remembered from now on.
    op.execute('UPDATE surge SET first_at = detected_at, serial = (SELECT count(*) FROM surge AS before WHERE '
               'before.detected_at < surge.detected_at OR (before.detected_at = surge.detected_at AND before.id <= surge.id))')


def downgrade() -> None:
    with op.batch_alter_table('surge', schema=None) as batch_op:
        batch_op.drop_constraint(batch_op.f('uq_surge_serial'), type_='unique')
        batch_op.drop_index(batch_op.f('ix_surge_part_of'))
        batch_op.drop_column('published')
        batch_op.drop_column('outcome')
        batch_op.drop_column('routed_to')
        batch_op.drop_column('decided_at')
        batch_op.drop_column('decided_by')
        batch_op.drop_column('decided_verdict')
        batch_op.drop_column('decision')
        batch_op.drop_column('expected')
        batch_op.drop_column('observed')
        batch_op.drop_column('posts')
        batch_op.drop_column('first_at')
        batch_op.drop_column('kind')
        batch_op.drop_column('part_of')
        batch_op.drop_column('serial')

    with op.batch_alter_table('decision', schema=None) as batch_op:
        batch_op.drop_column('details')
        batch_op.drop_column('salt')

    with op.batch_alter_table('surge_post', schema=None) as batch_op:
        batch_op.drop_index('ix_surge_post_post')

    op.drop_table('surge_post')
    with op.batch_alter_table('observed', schema=None) as batch_op:
        batch_op.drop_index('ix_observed_series')

    op.drop_table('observed')
    op.drop_table('surge_verdict')
    with op.batch_alter_table('surge_paper', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_surge_paper_surge'))

    op.drop_table('surge_paper')
    with op.batch_alter_table('surge_alert', schema=None) as batch_op:
        batch_op.drop_index('ix_surge_alert_due')

    op.drop_table('surge_alert')
    op.drop_table('observer_state')
    op.drop_table('decision_head')
