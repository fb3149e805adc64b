from django.db import migrations, models


def first(apps, schema_editor):
    article = apps.get_model("articles", "Article")
    article.objects.create(title="The first issue", text="A magazine needs articles. This is one.")


class Migration(migrations.Migration):
    initial = True
    operations = [
        migrations.CreateModel(
            name="Article",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False, auto_created=True, verbose_name="ID")),
                ("title", models.CharField(max_length=200)),
                ("text", models.TextField()),
            ],
        ),
        migrations.RunPython(first, migrations.RunPython.noop),
    ]
