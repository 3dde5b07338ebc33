import accounts.fields
import django.db.models.deletion
import uuid
from django.db import migrations, models

from accounts.rls import EnableRowLevelSecurity


class Migration(migrations.Migration):

    dependencies = [
        ('accounts', '0002_fallback_model'),
        ('specs', '0005_policy_rule'),
    ]

    operations = [
        migrations.CreateModel(
            name='LintReport',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('counts', accounts.fields.OrderedJSONField(default=dict, help_text='rule to how often it was found')),
                ('findings', models.JSONField(default=list, help_text='[{rule, severity, operation, pointer, line, message, suggestion, update}]')),
                ('tenant', models.ForeignKey(editable=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='accounts.tenant')),
                ('version', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, related_name='lint_report', to='specs.specversion')),
            ],
            options={'abstract': False},
        ),
        EnableRowLevelSecurity("LintReport"),
    ]
