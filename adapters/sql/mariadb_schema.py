"""The tables of OSCAR that Créneau touches, as a MariaDB server at a clinic keeps them.

Rule: columns, widths, keys and collations follow OSCAR's, with its utf8mb3; written from facts, not copied.
"""

_APPOINTMENT = """provider_no VARCHAR(6){nn}, appointment_date DATE{day}, start_time TIME{time}, end_time TIME{time},
name VARCHAR(50), demographic_no INT(10), program_id INT(11) DEFAULT 0, notes VARCHAR(255), reason VARCHAR(80),
location VARCHAR(30), resources VARCHAR(255), type VARCHAR(50), style VARCHAR(10), billing VARCHAR(10),
status CHAR(2){bin}, imported_status VARCHAR(20), createdatetime DATETIME, updatedatetime DATETIME,
creator VARCHAR(50), lastupdateuser VARCHAR(6), remarks VARCHAR(50), urgency VARCHAR(30), creatorSecurityId INT(11),
bookingSource VARCHAR(32)"""
_LIVE = _APPOINTMENT.format(
    nn=" NOT NULL DEFAULT ''",
    day=" NOT NULL DEFAULT '0001-01-01'",
    time=" NOT NULL DEFAULT '00:00:00'",
    bin=" COLLATE utf8mb3_bin",
)
_COPY = _APPOINTMENT.format(nn="", day="", time="", bin="")

TABLES = (
    f"""CREATE TABLE appointment(appointment_no INT(12) NOT NULL AUTO_INCREMENT PRIMARY KEY, {_LIVE}, reasonCode INT(11),
KEY (appointment_date, start_time, demographic_no), KEY (demographic_no), KEY (location),
KEY (demographic_no, updatedatetime))""",
    f"""CREATE TABLE appointmentArchive(id INT(10) NOT NULL AUTO_INCREMENT PRIMARY KEY, appointment_no INT(12), {_COPY})""",
    """CREATE TABLE scheduledate(id INT(6) NOT NULL AUTO_INCREMENT PRIMARY KEY, sdate DATE NOT NULL DEFAULT '0001-01-01',
provider_no VARCHAR(6) NOT NULL DEFAULT '', available CHAR(1) NOT NULL DEFAULT '', priority CHAR(1), reason VARCHAR(255),
hour VARCHAR(255), creator VARCHAR(50), status CHAR(1) NOT NULL DEFAULT '',
KEY (sdate), KEY (provider_no), KEY (status), KEY (sdate, provider_no, hour, status))""",
    """CREATE TABLE scheduletemplate(provider_no VARCHAR(6) NOT NULL DEFAULT '', name VARCHAR(20) NOT NULL DEFAULT '',
summary VARCHAR(80), timecode TEXT, PRIMARY KEY (provider_no, name))""",
    """CREATE TABLE scheduletemplatecode(id INT(10) NOT NULL AUTO_INCREMENT PRIMARY KEY, code CHAR(1) NOT NULL DEFAULT '',
description VARCHAR(80), duration CHAR(3) DEFAULT '', color VARCHAR(10), confirm CHAR(3) NOT NULL DEFAULT 'No',
bookinglimit INT(11) NOT NULL DEFAULT 1, KEY (code))""",
    """CREATE TABLE scheduleholiday(sdate DATE NOT NULL DEFAULT '0001-01-01' PRIMARY KEY,
holiday_name VARCHAR(100) NOT NULL DEFAULT '')""",
    """CREATE TABLE provider(provider_no VARCHAR(6) NOT NULL DEFAULT '' PRIMARY KEY, last_name VARCHAR(30) NOT NULL DEFAULT '',
first_name VARCHAR(30) NOT NULL DEFAULT '', provider_type VARCHAR(15) NOT NULL DEFAULT '',
specialty VARCHAR(40) NOT NULL DEFAULT '', sex CHAR(1) NOT NULL DEFAULT '', practitionerNo VARCHAR(20), status CHAR(1),
lastUpdateDate DATETIME NOT NULL)""",
    """CREATE TABLE demographic(demographic_no INT(10) NOT NULL AUTO_INCREMENT PRIMARY KEY,
last_name VARCHAR(30) NOT NULL DEFAULT '', first_name VARCHAR(30) NOT NULL DEFAULT '', year_of_birth VARCHAR(4),
month_of_birth VARCHAR(2), date_of_birth VARCHAR(2), hin VARCHAR(20), phone VARCHAR(20), email VARCHAR(100),
sex CHAR(1) NOT NULL DEFAULT '', provider_no VARCHAR(11), patient_status VARCHAR(20), lastUpdateDate DATETIME NOT NULL,
KEY (hin), KEY (last_name, first_name))""",
    """CREATE TABLE site(site_id INT(11) NOT NULL AUTO_INCREMENT PRIMARY KEY, name VARCHAR(255) NOT NULL DEFAULT '',
short_name VARCHAR(10) NOT NULL DEFAULT '', status TINYINT(4) NOT NULL DEFAULT 0, UNIQUE (name), UNIQUE (short_name))""",
    """CREATE TABLE providersite(provider_no VARCHAR(6) NOT NULL, site_id INT(11) NOT NULL,
PRIMARY KEY (provider_no, site_id))""",
    """CREATE TABLE mygroup(mygroup_no VARCHAR(10) NOT NULL DEFAULT '', provider_no VARCHAR(6) NOT NULL DEFAULT '',
last_name VARCHAR(30) NOT NULL DEFAULT '', first_name VARCHAR(30) NOT NULL DEFAULT '', vieworder CHAR(2),
default_billing_form VARCHAR(10), PRIMARY KEY (mygroup_no, provider_no))""",
    """CREATE TABLE appointmentType(id INT(12) NOT NULL AUTO_INCREMENT PRIMARY KEY, name VARCHAR(50), notes VARCHAR(80),
reason VARCHAR(80), location VARCHAR(30), resources VARCHAR(10), duration INT(12))""",
)
