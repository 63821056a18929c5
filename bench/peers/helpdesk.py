"""django-helpdesk: a ticket with its first follow-up by its own models, a transaction each, without the mail that it sends.

usage: python -m bench.peers.helpdesk prepare|work HOST DATABASE USER [SECONDS]
"""

from __future__ import annotations

import sys
import time

import django
from django.conf import settings


def configure(host: str, database: str, user: str) -> None:
    """A bare Django site with the helpdesk in it, mail sent nowhere."""
    settings.configure(
        SECRET_KEY="bench", USE_TZ=True, SITE_ID=1, DEFAULT_AUTO_FIELD="django.db.models.AutoField",
        EMAIL_BACKEND="django.core.mail.backends.dummy.EmailBackend", HELPDESK_TEAMS_MODE_ENABLED=False, STATIC_URL="/static/",
        ROOT_URLCONF="helpdesk.urls", LANGUAGES=[("en", "English")], HELPDESK_ACTIVATE_API_ENDPOINT=False,
        INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes", "django.contrib.sessions", "django.contrib.sites",
                        "django.contrib.admin", "django.contrib.messages", "django.contrib.humanize", "django.contrib.staticfiles",
                        "rest_framework", "helpdesk"],
        TEMPLATES=[{"BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True}],
        DATABASES={"default": {"ENGINE": "django.db.backends.postgresql", "NAME": database, "HOST": host, "USER": user,
                               "CONN_MAX_AGE": None}})
    django.setup()


def prepare() -> None:
    """Tables and a queue."""
    from django.core.management import call_command
    call_command("migrate", verbosity=0)
    from helpdesk.models import Queue
    Queue.objects.create(title="Akimat", slug="akimat", allow_public_submission=True)


def work(seconds: float) -> int:
    """Tickets made in that time."""
    from django.db import transaction
    from helpdesk.models import FollowUp, Queue, Ticket
    queue = Queue.objects.get()
    made, until = 0, time.perf_counter() + seconds
    while time.perf_counter() < until:
        with transaction.atomic():
            ticket = Ticket(title="No water", description="No water for three days", queue=queue, priority=3,
                            submitter_email="a@example.invalid")
            ticket.save()
            FollowUp(ticket=ticket, title="Ticket opened", comment=ticket.description, public=True).save()
        made += 1
    return made


if __name__ == "__main__":
    configure(*sys.argv[2:5])
    if sys.argv[1] == "prepare":
        prepare()
    else:
        print(work(float(sys.argv[5])))
