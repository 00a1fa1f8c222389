-- Every built-in type, as JSON. One column a table, so that each value is seen by itself.
\getenv inputdir PG_ABS_SRCDIR
\set fresh :inputdir '/include/fresh.sql'
\i :fresh

CREATE TYPE public.mood AS ENUM ('sad', 'so "so"', 'happy');
CREATE DOMAIN public.percent AS numeric CHECK (VALUE BETWEEN 0 AND 100);
CREATE DOMAIN public.document AS jsonb;
CREATE TYPE public.address AS (street text, numbers int[], photo bytea, since timestamptz);
CREATE TYPE public.person AS (name text, home address, mood mood, share percent);
CREATE DOMAIN public.home AS address CHECK ((VALUE).street IS NOT NULL);

-- Values of a type, each given as text, and what is recorded of them.
CREATE FUNCTION pg_temp.recorded(type text, VARIADIC given text[]) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE one text;
BEGIN
    EXECUTE format('CREATE TABLE public.typed (v %s)', type);
    PERFORM webhooks.create_event('typed', 'table.recordInsert', 'typed');
    FOREACH one IN ARRAY given LOOP
        EXECUTE format('INSERT INTO typed SELECT %L::%s', one, type);
    END LOOP;
    RETURN QUERY SELECT m.data::text FROM webhooks.message m ORDER BY m.seq;
    DELETE FROM webhooks.message;
    PERFORM webhooks.drop_event('typed');
    DROP TABLE typed;
END $$;
\pset format unaligned
\pset tuples_only on
SET TimeZone = 'Asia/Kathmandu';

-- Numbers keep every digit; what is no number is a string.
SELECT pg_temp.recorded('smallint', '-32768', '32767', NULL);
SELECT pg_temp.recorded('int', '-2147483648', '0');
SELECT pg_temp.recorded('bigint', '-9223372036854775808', '9223372036854775807');
SELECT pg_temp.recorded('real', '0.1', '16777217', '1e-45', '3.4028235e+38', '-0', 'NaN', 'Infinity', '-Infinity');
SELECT pg_temp.recorded('double precision', '0.1', '1', '100', '1e15', '123456789012345680', '1e21', '1e22', '5e-324',
    '1.7976931348623157e308', '-0', 'NaN', 'Infinity', '-Infinity');
SELECT pg_temp.recorded('numeric', '0', '1.50', '-0.000', '123456789012345678901234567890.123456789012345678901234567890',
    '1e400', '1e-30', 'NaN', 'Infinity', '-Infinity');
SELECT pg_temp.recorded('numeric(10,2)', '1', '99999999.99');
SELECT pg_temp.recorded('money', '12.34', '-1234567.80', '0');
SELECT pg_temp.recorded('oid', '4294967295');
SELECT pg_temp.recorded('boolean', 't', 'f', NULL);

-- Text, with all that JSON has to escape
SELECT pg_temp.recorded('text', '', 'a "quoted" \ backslash /', E'\b\f\n\r\t\x01\x1f', '</script>');
SELECT pg_temp.recorded('varchar(5)', 'abc');
SELECT pg_temp.recorded('char(5)', 'abc');
SELECT pg_temp.recorded('"char"', 'x');
SELECT pg_temp.recorded('name', 'abc');
SELECT pg_temp.recorded('uuid', 'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11');
SELECT pg_temp.recorded('mood', 'happy', 'so "so"');
SELECT pg_temp.recorded('xml', '<a b="c">d</a>');
SELECT pg_temp.recorded('bytea', '\x', '\x00', '\xdeadbeef', '\x0102030405');
SELECT pg_temp.recorded('bit(3)', '101');
SELECT pg_temp.recorded('varbit', '10101');

-- JSON goes in as it is
SELECT pg_temp.recorded('json', '{"a": 1,  "a": 2}', 'null', '"x"', '[1, 2.50]');
SELECT pg_temp.recorded('jsonb', '{"b": 1,  "a": 2.50}', 'null', '"x\u0041"', '1e3');
SELECT pg_temp.recorded('document', '[{}]');

-- Times: ISO 8601, timestamptz in UTC
SELECT pg_temp.recorded('date', '2026-11-23', '0044-03-15 BC', '20000-01-01', 'infinity', '-infinity');
SELECT pg_temp.recorded('time', '20:00:00', '23:59:59.999999', '24:00');
SELECT pg_temp.recorded('timetz', '20:00:00+05:30');
SELECT pg_temp.recorded('timestamp', '2026-11-23 20:00:00', '2026-11-23 20:00:00.000001', '0044-03-15 00:00 BC', 'infinity');
SELECT pg_temp.recorded('timestamptz', '2026-11-23 20:00:00+00', '2026-11-23 20:00:00.123456-08', '-infinity');
SELECT pg_temp.recorded('interval', '1 year 2 months 3 days 04:05:06.7', '-1 day', '0');

-- Networks, shapes, search
SELECT pg_temp.recorded('inet', '192.168.0.1/24', '::1');
SELECT pg_temp.recorded('cidr', '10.0.0.0/8');
SELECT pg_temp.recorded('macaddr', '08:00:2b:01:02:03');
SELECT pg_temp.recorded('macaddr8', '08:00:2b:01:02:03:04:05');
SELECT pg_temp.recorded('point', '(1.5,2)');
SELECT pg_temp.recorded('box', '(1,1),(0,0)');
SELECT pg_temp.recorded('circle', '<(0,0),1>');
SELECT pg_temp.recorded('path', '((0,0),(1,1))');
SELECT pg_temp.recorded('tsvector', 'a:1 fat:2');
SELECT pg_temp.recorded('tsquery', 'fat & rat');
SELECT pg_temp.recorded('pg_lsn', '16/B374D848');
SELECT pg_temp.recorded('pg_snapshot', '10:20:10,14');
SELECT pg_temp.recorded('xid8', '12345678901');
SELECT pg_temp.recorded('jsonpath', '$.a[*] ? (@ > 1)');

-- Names of objects: with their schema, unless it is the server's own
SELECT pg_temp.recorded('regclass', 'public.typed', 'pg_class', '0');
SELECT pg_temp.recorded('regtype', 'public.mood', 'int[]', 'timestamptz');
SELECT pg_temp.recorded('regproc', 'now');
SELECT pg_temp.recorded('regprocedure', 'webhooks.drop_event(text)');
SELECT pg_temp.recorded('regoperator', '+(int,int)');
SELECT pg_temp.recorded('regconfig', 'simple');
SELECT pg_temp.recorded('regrole', 'pg_monitor');
SELECT pg_temp.recorded('regnamespace', 'public');
SELECT pg_temp.recorded('regclass[]', '{pg_class,public.typed}');
SET search_path = webhooks, public;
SELECT pg_temp.recorded('pg_catalog.regprocedure', 'drop_event(text)') AS the_same;
RESET search_path;

-- Ranges: strings as Postgres writes them, times in them in UTC
SELECT pg_temp.recorded('int4range', '[1,5)', 'empty', '(,3)');
SELECT pg_temp.recorded('numrange', '[1.50,)');
SELECT pg_temp.recorded('daterange', '[2026-11-23,2026-11-25)');
SELECT pg_temp.recorded('tstzrange', '[2026-11-23 20:00+00,2026-11-24 20:00+00)');
SELECT pg_temp.recorded('int4multirange', '{[1,3),[5,7)}');

-- Arrays, nested as deep as they go
SELECT pg_temp.recorded('int[]', '{}', '{1,NULL,3}', '{{1,2},{3,4}}', '[5:6]={7,8}');
SELECT pg_temp.recorded('text[]', '{a,"b \"c\"",NULL,"NULL",""}');
SELECT pg_temp.recorded('numeric[]', '{1.50,NaN}');
SELECT pg_temp.recorded('bytea[]', '{"\\xdeadbeef"}');
SELECT pg_temp.recorded('timestamptz[]', '{2026-11-23 20:00:00+00}');
SELECT pg_temp.recorded('jsonb[]', '{"{\"a\": 1}",NULL}');
SELECT pg_temp.recorded('mood[]', '{sad,happy}');
SELECT pg_temp.recorded('bool[][]', '{{t},{f}}');
SELECT pg_temp.recorded('int2vector', '1 2');
SELECT pg_temp.recorded('percent[]', '{12.50}');

-- Domains and composites, as what they are made of
SELECT pg_temp.recorded('percent', '12.50');
SELECT pg_temp.recorded('address', '("High St, 5","{1,2}","\\xff","2026-11-23 20:00+00")', '(,,,)');
SELECT pg_temp.recorded('address[]', '{"(a,{1},\"\\\\x00\",)"}');
SELECT pg_temp.recorded('person', '(Ann,"(a,{},,)",happy,1.0)');
SELECT pg_temp.recorded('home', '(a,{},,)');

DROP DOMAIN home;
DROP TYPE person, address, mood;
DROP DOMAIN percent, document;

-- Numbers and times, which are written without the server's help, are what it would write.
SET TimeZone = 'UTC';
CREATE TABLE public.many (id int PRIMARY KEY, n numeric, d date, t timestamp, z timestamptz, k numeric(12, 3));
SELECT FROM webhooks.create_event('many', 'table.recordInsert', 'many');
SELECT setseed(0.5);
INSERT INTO many
SELECT i,
       round(((random() - 0.5) * 10.0 ^ (random() * 20)::int)::numeric, (random() * 24)::int) * 10.0 ^ ((random() * 40)::int - 20),
       date '0001-01-01' + i * 365,
       timestamp '0001-01-01' + i * interval '365 days 5 hours' + random() * interval '1 day',
       timestamptz '9999-12-31 23:59:59.999999+00' - i * interval '365 days' - (i % 7) * interval '0.00001 s',
       10 ^ (i % 9) - i
FROM generate_series(0, 9990) i;
INSERT INTO many VALUES
    (-1, 1e-200, '0001-12-31 BC', '0001-12-31 23:59:59.9 BC', '0001-12-31 23:59:59.9+00 BC', 0),
    (-2, -1e200, '0001-01-01', '0001-01-01', '0001-01-01 00:00+00', 0.001),
    (-3, 9999.9999, '9999-12-31', '9999-12-31 23:59:59.999999', '9999-12-31 23:59:59.999999+00', -0.1),
    (-4, 10000.0001, '10000-01-01', '10000-01-01', '10000-01-01 00:00+00', 1000),
    (-5, 0.0000, '2000-02-29', '2000-02-29 12:30:00.1', '1999-12-31 23:59:59.000001+00', -999);
SELECT count(*), count(*) FILTER (WHERE m.data::text = row_to_json(w)::text) AS the_same
FROM webhooks.message m JOIN many w ON w.id = m.record::int;
SELECT w.*, m.data FROM webhooks.message m JOIN many w ON w.id = m.record::int
WHERE m.data::text <> row_to_json(w)::text;

DROP TABLE many;
