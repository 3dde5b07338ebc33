from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("specs", "0001_initial")]

    operations = [
        migrations.AddField(
            "connection",
            "renewal_token",
            models.UUIDField(
                blank=True, editable=False, help_text="whose turn it is to renew the tokens", null=True
            ),
        ),
        migrations.AddField(
            "connection",
            "renewal_until",
            models.DateTimeField(blank=True, editable=False, help_text="end of that turn", null=True),
        ),
    ]
