# Copyright (c) 2026, Slipway contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""Lists of plausible values, by locale, that masks pick from. Adding a locale is adding its lists.

Each list is one text of words; an underscore in a word stands for a space.
"""

from __future__ import annotations


def _words(text):
    return tuple(word.replace("_", " ") for word in text.split())


WORDS = {
    "en": {
        "first_name": _words("""
            Ada Alan Alice Amy Andrew Anna Arthur Audrey Ben Beth Brian Carla Carol Charles Chloe Claire Colin Daisy Daniel David Diana Donna
            Dora Edith Edward Eliza Ellen Emily Emma Eric Esther Ethan Eva Fiona Frank Freya George Gloria Grace Hannah Harry Hazel Heather
            Helen Henry Holly Hugo Ian Ida Irene Iris Isaac Ivy Jack James Jane Jasper Jean Jill Joan Joel John Joyce Judith Julia Karen
            Kate Keith Kevin Laura Leah Leo Lewis Lily Linda Louis Lucy Luke Lydia Mabel Maria Mark Martha Martin Mary Matthew Max Megan
            Mia Miles Molly Nancy Nathan Neil Nina Nora Olive Oscar Owen Paul Peggy Peter Philip Phoebe Rachel Ralph Rita Robert Robin
            Rose Ruby Ruth Ryan Sally Samuel Sarah Sidney Simon Sophie Stella Susan Thomas Toby Vera Victor Violet Walter Wendy"""),
        "last_name": _words("""
            Adams Allen Andrews Archer Bailey Baker Barker Barnes Bell Bennett Berry Bishop Black Booth Bowen Bradley Brooks Brown Burke
            Butler Carter Chapman Clark Cole Collins Cook Cooper Cox Crawford Cross Curtis Davies Dawson Dean Dixon Douglas Doyle Dunn
            Edwards Elliott Ellis Evans Farmer Fisher Fletcher Ford Foster Fox Francis Fraser Gardner Gibson Gilbert Gordon Graham Grant
            Gray Green Griffin Hall Hamilton Harper Harris Hart Harvey Hayes Henderson Hill Holmes Hopkins Howard Hudson Hughes Hunt
            Hunter Jackson James Jenkins Johnson Jones Kelly Kennedy King Knight Lambert Lane Lawson Lee Lewis Lloyd Long Marsh Marshall
            Mason Matthews Miller Mills Mitchell Moore Morgan Morris Murphy Murray Newman Nicholls Norris Oliver Owen Palmer Parker Pearce
            Perry Phillips Porter Powell Price Read Reed Reynolds Rhodes Rogers Ross Russell Saunders Scott Shaw Simpson Stone Turner"""),
        "city": _words("""
            Ashford Barton Bexhill Bridgeton Brookfield Cedar_Falls Clayton Clifton Dalton Eastbrook Elmwood Fairview Farnham Glenwood
            Grantham Greenfield Hadley Hartwell Hillsborough Kingsbury Lakewood Langford Marlow Melbourne_Park Milton Newbury Newport
            Northfield Norwood Oakdale Oxley Pinewood Redhill Riverside Rockford Salem Sheldon Springfield Stanford Sutton Thornton
            Upton Walford Waverly Westbury Weston Whitfield Winslow Woodstock Wycombe"""),
        "street": _words("""
            Abbey_Road Alma_Street Beech_Lane Bridge_Street Canal_Street Castle_Road Cedar_Avenue Chapel_Lane Cherry_Lane Church_Road
            Clifton_Road College_Street Cross_Street Dale_Avenue Elm_Street Field_Lane Forest_Road Garden_Street George_Street Grange_Road
            Grove_Avenue Hazel_Lane High_Street Hill_Street Holly_Lane Ivy_Lane King_Street Lake_View Linden_Avenue Long_Lane Main_Street
            Manor_Road Maple_Avenue Market_Street Meadow_Lane Mill_Lane New_Street North_Road Oak_Avenue Orchard_Lane Park_Avenue
            Pine_Street Poplar_Avenue Queen_Street River_Road Rose_Lane School_Lane South_Street Spring_Street Station_Road Water_Street"""),
        "company": _words("Ltd Group & Partners Trading Supplies Industries Services Works".replace("& Partners", "&_Partners")),
        "phone": ("+1 555 XXX XXXX",),
        "postal_code": ("XXXXX",),
        "country": ("GB",),
    },
    "de": {
        "first_name": _words("""
            Adele Albert Alma Andreas Anja Anna Annika Anton August Barbara Bastian Beate Benno Bernd Bettina Birgit Bruno Carla Carsten
            Christa Clara Claudia Dagmar Daniel Detlef Dieter Dora Doris Edgar Elke Ella Elsa Emil Erika Ernst Eva Felix Frank Franziska
            Frieda Fritz Gabi Georg Gerda Gerd Gisela Greta Günter Hanna Hannes Hans Heike Heinz Helga Hilde Holger Horst Ida Ilse Inge
            Ingo Irma Jakob Jan Jens Johanna Jonas Jörg Julia Jürgen Jutta Karin Karl Katja Klara Klaus Konrad Kurt Lars Lena Leo Lina
            Lisa Lotte Lukas Magda Maik Manfred Margit Marie Markus Marta Martin Max Maya Meike Mia Moritz Nadja Nele Nils Nina Olaf Otto
            Paul Paula Peter Petra Rainer Ralf Renate Rita Rolf Rosa Sabine Sandra Sebastian Silke Simon Sonja Stefan Susanne Sven Tanja
            Theo Thomas Tim Udo Ulla Ulrich Ute Uwe Vera Volker Walter Werner Wilma"""),
        "last_name": _words("""
            Ackermann Albrecht Arnold Bach Bauer Baumann Beck Becker Berger Bergmann Böhm Brandt Braun Busch Dietrich Ebert Engel Ernst
            Fischer Franke Frank Friedrich Fuchs Graf Groß Günther Haas Hahn Hartmann Heinrich Herrmann Hoffmann Hofmann Horn Huber Jäger
            Jung Kaiser Keller Klein Koch Köhler König Krämer Kraus Krause Krüger Kuhn Kühn Lang Lange Lehmann Lorenz Ludwig Maier Martin
            Mayer Meier Meyer Möller Müller Neumann Otto Peters Pfeiffer Pohl Richter Roth Sauer Schäfer Schmid Schmidt Schmitt Schneider
            Scholz Schreiber Schröder Schubert Schulte Schulz Schulze Schumacher Schuster Schwarz Seidel Simon Sommer Stein Thomas Vogel
            Vogt Voigt Wagner Walter Weber Weiß Werner Winkler Winter Wolf Wolff Ziegler Zimmermann"""),
        "city": _words("""
            Altenau Altheim Bachstedt Bergen Birkenfeld Blumenthal Buchholz Burgdorf Eichstetten Elmshagen Erlenbach Feldkirchen
            Friedrichstal Grünau Gutenberg Hainburg Heidenau Hirschfeld Hochdorf Hohenstein Kaltenbach Kirchheim Königsfeld Langenau
            Lindenberg Marienthal Mittelbach Mühlhausen Neuhof Neukirchen Neustadt Oberdorf Ottendorf Reichenau Rosenheim_am_See
            Rotenburg Sachsenfeld Schönau Schwarzach Seefeld Steinbach Tannheim Waldau Waldkirch Weidenbach Wiesental Wolfsberg Zellerfeld"""),
        "street": _words("""
            Ahornweg Akazienstraße Amselweg Am_Markt Bachstraße Bahnhofstraße Bergstraße Birkenweg Blumenstraße Brunnenstraße Buchenweg
            Burgstraße Dorfstraße Eichenweg Erlenweg Feldstraße Fichtenweg Finkenweg Friedhofstraße Gartenstraße Goethestraße
            Hauptstraße Heideweg Hofstraße Industriestraße Jahnstraße Kastanienallee Kiefernweg Kirchstraße Lerchenweg Lindenstraße
            Marktstraße Mittelstraße Mozartstraße Mühlenweg Neue_Straße Parkstraße Poststraße Ringstraße Rosenweg Schillerstraße
            Schlossstraße Schulstraße Sonnenstraße Südstraße Talstraße Tannenweg Uferstraße Ulmenweg Waldstraße Wiesenweg Ziegelweg"""),
        "company": _words("GmbH AG KG & Söhne Handel Technik Werke".replace("& Söhne", "&_Söhne")),
        "phone": ("+49 30 23125 XXX",),  # kept free for films: others of Berlin have people behind them
        "postal_code": ("XXXXX",),
        "country": ("DE",),
    },
}
LOREM = ("Lorem ipsum dolor sit amet, consectetur adipiscing elit, sed do eiusmod tempor incididunt ut labore et dolore magna aliqua. "
         "Ut enim ad minim veniam, quis nostrud exercitation ullamco laboris nisi ut aliquip ex ea commodo consequat. ") * 4
# What stands before the @ of addresses that are nobody's in particular, and in any text, too.
MAILBOXES = _words("""
    abuse accounting accounts admission answers applications billing booking bookings careers contact contactus customer customers customercare
    customerservice delivery enquiries enquiry events export feedback finance general helpdesk hostmaster import information inquiries inquiry
    invoice invoices kontakt kunden kundenservice logistics mailbox management marketing newsletter no-reply noreply notifications office order
    orders payment payments postmaster privacy procurement purchase purchasing reception rechnung rechnungen reservations returns schule
    secretary sekretariat security service services shipping subscriptions support technik training verkauf versand vertrieb verwaltung warehouse
    webmaster welcome
    bestellung bestellungen bewerbung bewerbungen buchhaltung datenschutz einkauf einkaeufer empfang lieferung personal praxis studio zentrale""")
