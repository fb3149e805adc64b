from django.core.management.base import BaseCommand
from django.db import transaction
from django.db.models import F

from stock.models import Item


class Command(BaseCommand):
    help = "Turns the prices that are still in euros into cents. Doing it again changes nothing."

    @transaction.atomic
    def handle(self, *args, **options):
        changed = Item.objects.filter(cents=None).update(cents=F("euros") * 100)
        self.stdout.write(f"{changed} prices turned into cents")
