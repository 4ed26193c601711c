import { readFileSync } from 'node:fs';
import { readGatewayConfig, readWorkersConfig, SETTING_NAMES, SettingsError } from '@bridgework/kernel/config';
import { expect, test } from 'vitest';

const guide = readFileSync(new URL('../../docs/operator-guide.md', import.meta.url), 'utf8');

/** Setting names in the first column of the table under `### <process>`. */
function documented(process: string): string[] {
  const start = guide.toLowerCase().indexOf(`### ${process}\n`);
  const end = guide.slice(start + 4).search(/\n##/);
  const section = guide.slice(start, end === -1 ? undefined : start + 4 + end);
  return [...section.matchAll(/^\| ([A-Z][A-Z_, ]+) \|/gm)].flatMap(([, names]) => (names ?? '').split(', '));
}

test.each(Object.entries(SETTING_NAMES))(
  'the operator guide lists exactly the settings of the %s',
  (process, names) => {
    expect(documented(process).toSorted()).toEqual([...names].toSorted());
  },
);

test('every missing or wrong setting is named at once', () => {
  const start = () => readGatewayConfig({ CLINIC_ENV: 'staging', PORT: 'http' });
  expect(start).toThrow(SettingsError);
  expect(start).toThrow(/CLINIC_ENV[\s\S]*PORT[\s\S]*CALLER_SIGNING_KEY is missing/);
});

test('a mail server without anybody to write to is refused at start', () => {
  const settings = {
    CLINIC_ENV: 'sandbox',
    WORKERS_DATABASE_URL: 'postgres://localhost/clinic',
    SECRETS_KEY: 'a:AAAA',
    AUDIT_SIGNING_KEY: 'a:AAAA',
    DATA_DIR: '.data',
    SMTP_URL: 'smtp://mail.example.com:25',
  };
  for (const to of ['', ' , ']) {
    expect(() => readWorkersConfig({ ...settings, ALERT_MAIL_TO: to })).toThrow(
      /SMTP_URL is given, but ALERT_MAIL_TO names nobody/,
    );
  }
  expect(readWorkersConfig({ ...settings, ALERT_MAIL_TO: 'manager@example.com' }).ALERT_MAIL_TO).toEqual([
    'manager@example.com',
  ]);
});
