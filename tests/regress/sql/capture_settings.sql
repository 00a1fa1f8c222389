-- What a session has set does not change what it records.
\getenv inputdir PG_ABS_SRCDIR
\set fresh :inputdir '/include/fresh.sql'
\i :fresh

CREATE TABLE public.readings (
    id int PRIMARY KEY, at timestamptz, day date, local timestamp, took interval, value float8, small float4, raw bytea,
    doc xml, price money, span tstzrange, ats timestamptz[]);
SELECT FROM webhooks.create_event('reading', 'table.recordInsert', 'readings');
SELECT FROM webhooks.create_event('changed', 'table.recordUpdate', 'readings');

CREATE FUNCTION pg_temp.record(id int) RETURNS void LANGUAGE sql AS $$
    INSERT INTO public.readings VALUES (
        id, '2026-11-23T20:00:00.123456Z', DATE '2026-03-04', TIMESTAMP '2026-03-04 05:06:07', make_interval(1, 2, 0, 3, 4, 5, 6),
        0.1::float8 + 0.2::float8, 0.1, decode('deadbeef', 'hex'), '<a/>', NULL,
        tstzrange('2026-11-23T20:00:00Z', '2026-11-24T20:00:00Z'), ARRAY['2026-11-23T20:00:00Z'::timestamptz]);
    UPDATE public.readings r SET at = '2026-01-01T00:00:00Z' WHERE r.id = record.id;
$$;

SELECT FROM pg_temp.record(1);

SET TimeZone = 'Asia/Kathmandu';
SET DateStyle = 'German';
SET IntervalStyle = 'sql_standard';
SET extra_float_digits = -15;
SET bytea_output = 'escape';
SET xmlbinary = 'hex';
SELECT FROM pg_temp.record(2);

SET TimeZone = 'America/St_Johns';
SET DateStyle = 'SQL, DMY';
SET IntervalStyle = 'iso_8601';
SET extra_float_digits = 0;
SET search_path = pg_catalog;
SELECT FROM pg_temp.record(3);
RESET search_path;

SET TimeZone = 'PST8PDT,M3.2.0,M11.1.0';
SET DateStyle = 'Postgres';
SET IntervalStyle = 'postgres_verbose';
SET lc_monetary = 'C';
SET quote_all_identifiers = on;
SET standard_conforming_strings = off;
SET client_encoding = 'LATIN1';
SELECT FROM pg_temp.record(4);
RESET client_encoding;

-- The session has its settings back, also for what it does next.
SHOW DateStyle;
SELECT TIMESTAMPTZ '2026-11-23T20:00:00Z' AS at, 0.1::float8 + 0.2::float8 AS digits;

RESET ALL;
SELECT data, old FROM pg_temp.log WHERE record = '1' \g (format=unaligned)
SELECT m.event_id, count(*) AS messages,
       count(DISTINCT regexp_replace(m.data::text, '"id":\d+', '')) AS bodies, count(DISTINCT m.old::text) AS olds
FROM webhooks.message m GROUP BY m.event_id ORDER BY m.event_id;

-- A time as key is written the same way.
CREATE TABLE public.ticks (at timestamptz PRIMARY KEY);
SELECT FROM webhooks.create_event('tick', 'table.recordInsert', 'ticks');
SET TimeZone = 'Asia/Kathmandu';
INSERT INTO ticks VALUES ('2026-11-23T20:00:00Z');
RESET TimeZone;
SELECT record, data FROM pg_temp.log WHERE event = 'tick';

-- What an event computes is the same too, whatever it makes of the row.
CREATE TABLE public.texts (
    id int PRIMARY KEY, at timestamptz, day date, took interval, value float8, raw bytea, price money, named regclass);
SELECT FROM webhooks.create_event('computed', 'table.recordInsert', 'texts',
    data => $$json_build_object('row', NEW, 'at', NEW.at::text, 'day', NEW.day::text, 'took', NEW.took::text, 'value', NEW.value::text,
                                'raw', NEW.raw::text, 'price', NEW.price::text, 'named', NEW.named::text, 'quoted', quote_ident('plain'),
                                'hour', to_char(NEW.at, 'HH24 TMMonth'), 'number', to_char(NEW.value, '9D9L'), 'xml', xmlelement(NAME a, NEW.raw))$$,
    account => 'NEW.at', key => 'NEW.raw');
CREATE FUNCTION pg_temp.compute(id int) RETURNS void LANGUAGE sql AS $$
    INSERT INTO public.texts VALUES (
        id, '2026-11-23T20:00:00.123456Z', DATE '2026-03-04', make_interval(1, 2, 0, 3, 4, 5, 6),
        0.1::float8 + 0.2::float8, decode('deadbeef', 'hex'), 12.5::numeric::money, 'public.readings');
$$;
SELECT FROM pg_temp.compute(1);
SET TimeZone = 'Asia/Kathmandu';
SET DateStyle = 'German';
SET IntervalStyle = 'sql_standard';
SET extra_float_digits = -15;
SET bytea_output = 'escape';
SET xmlbinary = 'hex';
SET quote_all_identifiers = on;
SET search_path = pg_catalog;
SELECT FROM pg_temp.compute(2);
RESET search_path;
SET TimeZone = 'America/St_Johns';
SET DateStyle = 'SQL, DMY';
SET lc_monetary = 'C.UTF-8';
SELECT FROM pg_temp.compute(3);
-- What it has changed for itself is as it was.
SELECT name, setting FROM pg_settings WHERE name IN ('TimeZone', 'DateStyle', 'IntervalStyle', 'extra_float_digits', 'bytea_output', 'xmlbinary', 'quote_all_identifiers', 'lc_monetary') ORDER BY name;
SELECT decode('deadbeef', 'hex') AS raw, quote_ident('plain') AS quoted;
RESET ALL;
SELECT count(*) AS messages, count(DISTINCT account) AS accounts, count(DISTINCT record) AS keys,
       count(DISTINCT regexp_replace(data::text, '"id":\d+', '')) AS bodies FROM webhooks.message WHERE data->>'quoted' IS NOT NULL;
SELECT account, record, data FROM webhooks.message WHERE data->>'quoted' IS NOT NULL ORDER BY seq LIMIT 1 \g (format=unaligned)
SELECT proconfig FROM pg_proc WHERE pronamespace = 'webhooks'::regnamespace AND proname ~ '^event_\d';

DROP TABLE texts, readings, ticks;
