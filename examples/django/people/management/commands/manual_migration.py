"""Splits the names that were typed as one into first and last names.

It is no migration of Django's, which would run with every deployment: somebody looks at the names first, and
then runs it, once or again when more such names have come in.
"""

from django.core.management.base import BaseCommand
from django.db import transaction

from people.models import Person


def split(name):
    """The first and the last name in “Lovelace, Ada” or “ada lovelace”."""
    if "," in name:
        last, first = name.split(",", 1)
    else:
        first, _, last = name.strip().rpartition(" ")
    return capitalized(first), capitalized(last)


def capitalized(name):
    return " ".join(word[:1].upper() + word[1:] for word in name.split())


class Command(BaseCommand):
    help = "Splits names into first and last names"

    def add_arguments(self, parser):
        parser.add_argument("--dry-run", action="store_true", help="only show what would change")

    def handle(self, *args, dry_run=False, **options):
        with transaction.atomic():
            changed = 0
            for person in Person.objects.filter(last_name="").order_by("id"):
                person.first_name, person.last_name = split(person.name)
                self.stdout.write(f"{person.name!r}: {person.first_name or '-'} / {person.last_name}")
                changed += 1
                if not dry_run:
                    person.save(update_fields=["first_name", "last_name"])
        verb = "would be split" if dry_run else "split"
        self.stdout.write(f"{changed} names {verb}")
