"""The schemas the shipped mappings are tried on, made up: GNU Health's columns, and a plain agenda.

Rule: only what a mapping names, the foreign keys of it, and one clinical table each, which nothing of ours may touch.
"""

GNUHEALTH = (
    "CREATE TABLE party_party(id serial PRIMARY KEY, name varchar, lastname varchar, ref varchar, dob date)",
    "CREATE TABLE gnuhealth_healthprofessional(id serial PRIMARY KEY, name integer NOT NULL REFERENCES party_party)",
    "CREATE TABLE gnuhealth_patient(id serial PRIMARY KEY, name integer NOT NULL REFERENCES party_party)",
    """CREATE TABLE gnuhealth_appointment(id serial PRIMARY KEY, name varchar, healthprof integer
REFERENCES gnuhealth_healthprofessional, patient integer REFERENCES gnuhealth_patient, appointment_date timestamp(0),
appointment_date_end timestamp(0), checked_in_date timestamp(0), institution integer, speciality integer,
state varchar, urgency varchar DEFAULT 'a', comments text, appointment_type varchar, visit_type varchar,
create_date timestamp(6) DEFAULT now(), write_date timestamp(6))""",
    "CREATE INDEX ON gnuhealth_appointment(appointment_date)",
    "CREATE TABLE gnuhealth_patient_disease(id serial PRIMARY KEY, patient integer REFERENCES gnuhealth_patient, note text)",
    """INSERT INTO party_party(id, name, lastname, ref, dob) VALUES(1, 'Anne', 'Gagnon', NULL, NULL),
(2, 'Benoît', 'Simard', NULL, NULL), (3, 'Zoé', 'Néron-Côté', 'NERZ80520312', '1980-02-03')""",
    "INSERT INTO gnuhealth_healthprofessional(id, name) VALUES(101, 1), (102, 2), (103, 1)",
    "INSERT INTO gnuhealth_patient(id, name) VALUES(7, 3)",
)
HOURS = (
    """CREATE TABLE doctors(id INT PRIMARY KEY, given_name VARCHAR(60) NOT NULL, family_name VARCHAR(60) NOT NULL)""",
    """CREATE TABLE visit_types(code VARCHAR(10) COLLATE utf8mb4_bin PRIMARY KEY, label VARCHAR(60) NOT NULL)""",
    """CREATE TABLE patients(id INT AUTO_INCREMENT PRIMARY KEY, card VARCHAR(20), born DATE, family_name VARCHAR(60) NOT NULL,
given_name VARCHAR(60) NOT NULL, KEY (card), KEY (born))""",
    """CREATE TABLE working_hours(id INT AUTO_INCREMENT PRIMARY KEY, doctor_id INT NOT NULL REFERENCES doctors(id),
site_code VARCHAR(10), visit_code VARCHAR(10) COLLATE utf8mb4_bin NOT NULL, work_day DATE NOT NULL, from_time TIME NOT NULL,
to_time TIME NOT NULL, KEY (work_day))""",
    """CREATE TABLE appointments(id INT AUTO_INCREMENT PRIMARY KEY, doctor_id INT NOT NULL, visit_day DATE NOT NULL,
start_time TIME NOT NULL, last_minute TIME NOT NULL, patient_id INT REFERENCES patients(id), patient_name VARCHAR(60),
notes VARCHAR(255), status VARCHAR(20) NOT NULL, made_by VARCHAR(200) NOT NULL, made_at DATETIME, changed_at DATETIME,
KEY (visit_day, start_time), KEY (doctor_id, visit_day))""",
    "CREATE TABLE encounters(id INT AUTO_INCREMENT PRIMARY KEY, patient_id INT, note TEXT)",
    "INSERT INTO doctors VALUES(101, 'Anne', 'Gagnon'), (102, 'Benoît', 'Simard'), (103, 'Chloé', 'Côté')",
    "INSERT INTO visit_types VALUES('s', 'Sans rendez-vous'), ('S', 'Suivi'), ('W', 'Semaine')",
    "INSERT INTO patients(card, born, family_name, given_name) VALUES('NERZ80520312', '1980-02-03', 'Néron-Côté', 'Zoé')",
)
