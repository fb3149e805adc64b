import os

from django.core.management.base import BaseCommand, CommandError

from articles.models import Article


class Command(BaseCommand):
    help = "Writes an article with the title TITLE."

    def handle(self, *args, **options):
        title = os.environ.get("TITLE")
        if not title:
            raise CommandError("TITLE is missing")
        Article.objects.create(title=title, text=f"All there is to say about {title.lower()}.")
        self.stdout.write(f"{Article.objects.count()} articles")
