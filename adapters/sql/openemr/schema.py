"""The tables of OpenEMR that Créneau touches, as a MariaDB server at a clinic keeps them.

Rule: columns, widths, keys and shipped rows follow OpenEMR's; written from facts, not copied.
"""

TABLES = (
    """CREATE TABLE openemr_postcalendar_events(pc_eid INT(11) UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
uuid BINARY(16), pc_catid INT(11) NOT NULL DEFAULT 0, pc_multiple INT(10) UNSIGNED NOT NULL, pc_aid VARCHAR(30),
pc_pid VARCHAR(11), pc_gid INT(11) DEFAULT 0, pc_title VARCHAR(150), pc_time DATETIME, pc_hometext TEXT,
pc_comments INT(11) DEFAULT 0, pc_counter MEDIUMINT(8) UNSIGNED DEFAULT 0, pc_topic INT(3) NOT NULL DEFAULT 1,
pc_informant VARCHAR(20), pc_eventDate DATE NOT NULL, pc_endDate DATE, pc_duration BIGINT(20) NOT NULL DEFAULT 0,
pc_recurrtype INT(1) NOT NULL DEFAULT 0, pc_recurrspec TEXT, pc_recurrfreq INT(3) NOT NULL DEFAULT 0, pc_startTime TIME,
pc_endTime TIME, pc_alldayevent INT(1) NOT NULL DEFAULT 0, pc_location TEXT, pc_conttel VARCHAR(50),
pc_contname VARCHAR(50), pc_contemail VARCHAR(255), pc_website VARCHAR(255), pc_fee VARCHAR(50),
pc_eventstatus INT(11) NOT NULL DEFAULT 0, pc_sharing INT(11) NOT NULL DEFAULT 0, pc_language VARCHAR(30),
pc_apptstatus VARCHAR(15) NOT NULL DEFAULT '-', pc_prefcatid INT(11) NOT NULL DEFAULT 0,
pc_facility INT(11) NOT NULL DEFAULT 0, pc_sendalertsms VARCHAR(3) NOT NULL DEFAULT 'NO',
pc_sendalertemail VARCHAR(3) NOT NULL DEFAULT 'NO', pc_billing_location SMALLINT(6) NOT NULL DEFAULT 0,
pc_room VARCHAR(20) NOT NULL DEFAULT '', KEY basic_event(pc_catid, pc_aid, pc_eventDate, pc_endDate, pc_eventstatus,
pc_sharing, pc_topic), KEY pc_eventDate(pc_eventDate), UNIQUE KEY uuid(uuid)) ENGINE=InnoDB""",
    """CREATE TABLE openemr_postcalendar_categories(pc_catid INT(11) UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
pc_constant_id VARCHAR(255), pc_catname VARCHAR(100), pc_catcolor VARCHAR(50), pc_catdesc TEXT,
pc_recurrtype INT(1) NOT NULL DEFAULT 0, pc_enddate DATE, pc_recurrspec TEXT, pc_recurrfreq INT(3) NOT NULL DEFAULT 0,
pc_duration BIGINT(20) NOT NULL DEFAULT 0, pc_end_date_flag TINYINT(1) NOT NULL DEFAULT 0, pc_end_date_type INT(2),
pc_end_date_freq INT(11) NOT NULL DEFAULT 0, pc_end_all_day TINYINT(1) NOT NULL DEFAULT 0,
pc_dailylimit INT(2) NOT NULL DEFAULT 0, pc_cattype INT(11) NOT NULL, pc_active TINYINT(1) NOT NULL DEFAULT 1,
pc_seq INT(11) NOT NULL DEFAULT 0, aco_spec VARCHAR(63) NOT NULL DEFAULT 'encounters|notes',
pc_last_updated DATETIME NOT NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP,
UNIQUE KEY pc_constant_id(pc_constant_id), KEY basic_cat(pc_catname, pc_catcolor)) ENGINE=InnoDB""",
    """CREATE TABLE calendar_external(id INT(11) NOT NULL AUTO_INCREMENT PRIMARY KEY, date DATE NOT NULL,
description VARCHAR(45) NOT NULL, source VARCHAR(45)) ENGINE=InnoDB""",
    """CREATE TABLE users(id BIGINT(20) NOT NULL AUTO_INCREMENT PRIMARY KEY, username VARCHAR(255), fname VARCHAR(255),
lname VARCHAR(255), npi VARCHAR(15), authorized TINYINT(4), active TINYINT(1) NOT NULL DEFAULT 1,
calendar TINYINT(1) NOT NULL DEFAULT 0, facility_id INT(11) NOT NULL DEFAULT 0,
see_auth INT(11) NOT NULL DEFAULT 1) ENGINE=InnoDB""",
    """CREATE TABLE facility(id INT(11) NOT NULL AUTO_INCREMENT PRIMARY KEY, name VARCHAR(255),
service_location TINYINT(1) NOT NULL DEFAULT 1, billing_location TINYINT(1) NOT NULL DEFAULT 1,
color VARCHAR(7) NOT NULL DEFAULT '') ENGINE=InnoDB""",
    """CREATE TABLE patient_data(id BIGINT(20) NOT NULL AUTO_INCREMENT, uuid BINARY(16), pid BIGINT(20) NOT NULL DEFAULT 0,
pubpid VARCHAR(255) NOT NULL DEFAULT '', fname VARCHAR(255) NOT NULL DEFAULT '', lname VARCHAR(255) NOT NULL DEFAULT '',
sex VARCHAR(255) NOT NULL DEFAULT '', DOB DATE, UNIQUE KEY pid(pid), UNIQUE KEY uuid(uuid), KEY id(id)) ENGINE=InnoDB""",
)
"""Statements for an empty database in utf8mb4."""

OLDER = "ALTER TABLE openemr_postcalendar_events MODIFY pc_endDate DATE NOT NULL DEFAULT '0000-00-00'"
"""Makes of it what versions before had: a single event's last day is the zero date. Needs a lax sql_mode."""

SHIPPED = (
    # number, constant, seconds, type (0: a patient's visit, 1: a doctor's time, 2: the clinic's, 3: a group)
    (1, "no_show", 0, 0),
    (2, "in_office", 0, 1),
    (3, "out_of_office", 0, 1),
    (4, "vacation", 0, 1),
    (5, "office_visit", 900, 0),
    (6, "holidays", 86400, 2),
    (7, "closed", 86400, 2),
    (8, "lunch", 3600, 1),
    (9, "established_patient", 900, 0),
    (10, "new_patient", 1800, 0),
    (11, "reserved", 900, 1),
    (12, "health_and_behavioral_assessment", 900, 0),
    (13, "preventive_care_services", 900, 0),
    (14, "ophthalmological_services", 900, 0),
    (15, "group_therapy", 3600, 3),
)
"""Categories a new OpenEMR has."""
CATEGORIES = (
    "INSERT INTO openemr_postcalendar_categories(pc_catid, pc_constant_id, pc_catname, pc_duration, pc_cattype)"
)
