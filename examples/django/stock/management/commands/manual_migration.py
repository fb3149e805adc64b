from django.conf import settings
from django.core.management.base import BaseCommand
from django.db import transaction

from stock.models import Item


class Command(BaseCommand):
    help = "Turns the prices that are still in euros into cents. Doing it again changes nothing."

    @transaction.atomic
    def handle(self, *args, **options):
        settings.JOURNAL.mkdir(exist_ok=True)
        items = list(Item.objects.select_for_update().filter(cents=None).order_by("name"))
        # What cannot be written down is not done.
        with open(settings.JOURNAL / "prices.csv", "a") as journal:
            for item in items:
                item.cents = item.euros * 100
                item.save(update_fields=["cents"])
                journal.write(f"{item.name},{item.euros},{item.cents}\n")
        self.stdout.write(f"{len(items)} prices turned into cents")
