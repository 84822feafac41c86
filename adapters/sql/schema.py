"""The tables of OSCAR that Créneau touches, as a SQLite database keeps them.

Rule: columns, widths in comments and collations follow OSCAR's (NOCASE for its `ci` text); nothing else is kept.
"""

from adapters.sql import sidecar
from adapters.sql.sqlite import SCHEME, Sqlite

_CI = "TEXT COLLATE NOCASE"

_APPOINTMENT = f"""provider_no {_CI} NOT NULL DEFAULT '', appointment_date TEXT NOT NULL DEFAULT '0001-01-01',
start_time TEXT NOT NULL DEFAULT '00:00:00', end_time TEXT NOT NULL DEFAULT '00:00:00', name {_CI}, demographic_no INTEGER,
program_id INTEGER DEFAULT 0, notes {_CI}, reason {_CI}, location {_CI}, resources {_CI}, type {_CI}, style {_CI},
billing {_CI}, status TEXT, imported_status {_CI}, createdatetime TEXT, updatedatetime TEXT, creator {_CI},
lastupdateuser {_CI}, remarks {_CI}, urgency {_CI}, creatorSecurityId INTEGER, bookingSource {_CI}"""

TABLES = (
    f"CREATE TABLE appointment(appointment_no INTEGER PRIMARY KEY AUTOINCREMENT, {_APPOINTMENT}, reasonCode INTEGER)",
    "CREATE INDEX appointment_day ON appointment(appointment_date, start_time, demographic_no)",
    f"CREATE TABLE appointmentArchive(id INTEGER PRIMARY KEY AUTOINCREMENT, appointment_no INTEGER, {_APPOINTMENT})",
    f"""CREATE TABLE scheduledate(id INTEGER PRIMARY KEY AUTOINCREMENT, sdate TEXT NOT NULL DEFAULT '0001-01-01',
provider_no {_CI} NOT NULL DEFAULT '', available {_CI} NOT NULL DEFAULT '', priority {_CI}, reason {_CI}, hour {_CI},
creator {_CI}, status {_CI} NOT NULL DEFAULT '')""",
    f"""CREATE TABLE scheduletemplate(provider_no {_CI} NOT NULL DEFAULT '', name {_CI} NOT NULL DEFAULT '', summary {_CI},
timecode {_CI}, PRIMARY KEY(provider_no, name))""",
    f"""CREATE TABLE scheduletemplatecode(id INTEGER PRIMARY KEY AUTOINCREMENT, code {_CI} NOT NULL DEFAULT '',
description {_CI}, duration {_CI} DEFAULT '', color {_CI}, confirm {_CI} NOT NULL DEFAULT 'No',
bookinglimit INTEGER NOT NULL DEFAULT 1)""",
    f"CREATE TABLE scheduleholiday(sdate TEXT PRIMARY KEY, holiday_name {_CI} NOT NULL DEFAULT '')",
    f"""CREATE TABLE provider(provider_no {_CI} PRIMARY KEY, last_name {_CI} NOT NULL DEFAULT '',
first_name {_CI} NOT NULL DEFAULT '', provider_type {_CI} NOT NULL DEFAULT '', specialty {_CI} NOT NULL DEFAULT '',
sex {_CI} NOT NULL DEFAULT '', practitionerNo {_CI}, status {_CI}, lastUpdateDate TEXT NOT NULL)""",
    f"""CREATE TABLE demographic(demographic_no INTEGER PRIMARY KEY AUTOINCREMENT, last_name {_CI} NOT NULL DEFAULT '',
first_name {_CI} NOT NULL DEFAULT '', year_of_birth {_CI}, month_of_birth {_CI}, date_of_birth {_CI}, hin {_CI},
phone {_CI}, email {_CI}, sex {_CI} NOT NULL DEFAULT '', provider_no {_CI}, patient_status {_CI},
lastUpdateDate TEXT NOT NULL)""",
    "CREATE INDEX demographic_hin ON demographic(hin)",
    f"""CREATE TABLE site(site_id INTEGER PRIMARY KEY AUTOINCREMENT, name {_CI} NOT NULL UNIQUE,
short_name {_CI} NOT NULL UNIQUE, status INTEGER NOT NULL DEFAULT 1)""",
    f"CREATE TABLE providersite(provider_no {_CI} NOT NULL, site_id INTEGER NOT NULL, PRIMARY KEY(provider_no, site_id))",
    f"""CREATE TABLE mygroup(mygroup_no {_CI} NOT NULL DEFAULT '', provider_no {_CI} NOT NULL DEFAULT '',
last_name {_CI} NOT NULL DEFAULT '', first_name {_CI} NOT NULL DEFAULT '', vieworder {_CI}, PRIMARY KEY(mygroup_no, provider_no))""",
    f"""CREATE TABLE appointmentType(id INTEGER PRIMARY KEY AUTOINCREMENT, name {_CI}, notes {_CI}, reason {_CI},
location {_CI}, resources {_CI}, duration INTEGER)""",
    sidecar.table(Sqlite(f"{SCHEME}oscar")),
)
