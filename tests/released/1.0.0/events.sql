--
-- PostgreSQL database dump
--


-- Dumped from database version 15.18 (Debian 15.18-0+deb12u1)
-- Dumped by pg_dump version 15.18 (Debian 15.18-0+deb12u1)

SET statement_timeout = 0;
SET lock_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);
SET check_function_bodies = false;
SET xmloption = content;
SET client_min_messages = warning;
SET row_security = off;

SET default_tablespace = '';

SET default_table_access_method = heap;

--
-- Name: alembic_version; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.alembic_version (
    version_num character varying(32) NOT NULL
);


--
-- Name: medication_event; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.medication_event (
    patient_id character varying NOT NULL COLLATE pg_catalog."C",
    medication_name character varying NOT NULL COLLATE pg_catalog."C",
    event_time timestamp with time zone NOT NULL,
    action character varying NOT NULL COLLATE pg_catalog."C",
    order_id character varying NOT NULL COLLATE pg_catalog."C",
    event_id character varying NOT NULL COLLATE pg_catalog."C",
    received_at timestamp with time zone NOT NULL
);


--
-- Data for Name: alembic_version; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.alembic_version VALUES ('0001');


--
-- Data for Name: medication_event; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.medication_event VALUES ('1', 'Heparin', '2021-01-05 08:00:00+00', 'start', '', '', '2026-11-26 21:37:54.449038+00');
INSERT INTO public.medication_event VALUES ('1', 'Heparin', '2021-01-05 09:30:00.25+00', 'stop', '', '', '2026-11-26 21:37:54.449038+00');
INSERT INTO public.medication_event VALUES ('1', 'Heparin', '2021-01-05 10:00:00+00', 'cancel_stop', '', '', '2026-11-26 21:37:54.449038+00');
INSERT INTO public.medication_event VALUES ('1', 'Propofol', '2021-01-05 08:00:00+00', 'cancel_start', '334217', '', '2026-11-26 21:37:54.449038+00');
INSERT INTO public.medication_event VALUES ('1', 'Propofol', '2021-01-05 08:00:00+00', 'start', '334217', 'pump-17-000123', '2026-11-26 21:37:54.449038+00');
INSERT INTO public.medication_event VALUES ('2', 'Insulin', '2021-01-05 08:00:00+00', 'start', '', '', '2026-11-26 21:37:54.449038+00');
INSERT INTO public.medication_event VALUES ('2', 'Insulin', '2021-01-05 08:00:00+00', 'start', '', '2', '2026-11-26 21:37:54.449038+00');
INSERT INTO public.medication_event VALUES ('2', 'Insulin', '2021-01-05 08:00:00+00', 'start', '', '3', '2026-11-26 21:37:54.449038+00');
INSERT INTO public.medication_event VALUES ('2', 'Insulin', '2021-01-05 08:00:00+00', 'stop', '', '2', '2026-11-26 21:37:54.449038+00');
INSERT INTO public.medication_event VALUES ('2', 'Insulin', '2021-01-05 08:00:00+00', 'stop', '7', '02', '2026-11-26 21:37:54.449038+00');
INSERT INTO public.medication_event VALUES ('3', 'Insulin  aspart', '2021-01-05 08:00:00+00', 'start', '', '', '2026-11-26 21:37:54.449038+00');
INSERT INTO public.medication_event VALUES ('3', 'Noradrenaline ﻿', '2021-01-05 08:00:00+00', 'start', '', '', '2026-11-26 21:37:54.449038+00');
INSERT INTO public.medication_event VALUES ('3', 'Ätherisches Öl "1 %" 💊', '2021-01-05 08:00:00+00', 'start', 'A  7', 'pump 1', '2026-11-26 21:37:54.449038+00');
INSERT INTO public.medication_event VALUES ('3', 'قرص می‌خورم', '2021-01-05 08:00:00+00', 'start', '', '', '2026-11-26 21:37:54.449038+00');
INSERT INTO public.medication_event VALUES ('4', 'Heparin', '-infinity', 'start', '', '', '2026-11-26 21:37:54.449038+00');
INSERT INTO public.medication_event VALUES ('4', 'Heparin', '1800-02-28 12:00:00.000001+00', 'stop', '', '', '2026-11-26 21:37:54.449038+00');
INSERT INTO public.medication_event VALUES ('4', 'Heparin', '1969-12-31 23:59:59.999999+00', 'stop', '', '', '2026-11-26 21:37:54.449038+00');
INSERT INTO public.medication_event VALUES ('4', 'Heparin', 'infinity', 'stop', '', '', '2026-11-26 21:37:54.449038+00');
INSERT INTO public.medication_event VALUES ('A7', 'Heparin', '2021-01-05 08:00:00+00', 'start', '', '', '2026-11-26 21:37:54.449038+00');
INSERT INTO public.medication_event VALUES ('⁠', 'Heparin', '2021-01-05 08:00:00+00', 'start', '', '', '2026-11-26 21:37:54.449038+00');
INSERT INTO public.medication_event VALUES ('3', 'Insulin aspart', '2021-01-05 08:00:00+00', 'start', '', '', '2026-11-26 21:37:57.831939+00');
INSERT INTO public.medication_event VALUES ('3', 'Noradrenaline', '2021-01-05 08:00:00+00', 'start', '', '', '2026-11-26 21:37:57.831939+00');
INSERT INTO public.medication_event VALUES ('A​7', 'Heparin', '2021-01-05 08:00:00+00', 'start', '', '', '2026-11-26 21:37:57.831939+00');
INSERT INTO public.medication_event VALUES ('A​7', 'Heparin', '2021-01-05 09:00:00+00', 'stop', '', '', '2026-11-26 21:37:57.831939+00');


--
-- Name: alembic_version alembic_version_pkc; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.alembic_version
    ADD CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num);


--
-- Name: medication_event medication_event_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.medication_event
    ADD CONSTRAINT medication_event_pkey PRIMARY KEY (patient_id, medication_name, event_time, action, order_id, event_id);


--
-- PostgreSQL database dump complete
--


