"""Private mail, orders, newsletters, and phishing in ten languages besides English."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from scorelane.sample import layout
from scorelane.sample.bodies import company, own_url, personal
from scorelane.sample.delivery import Letter, Scene
from scorelane.sample.grammar import say
from scorelane.sample.world import city

if TYPE_CHECKING:
    from collections.abc import Sequence


class Phrases(NamedTuple):
    """One language's grammar."""

    greeting: str
    closing: str
    private: Sequence[str]
    order: Sequence[str]
    """Subject, text, label of the button."""
    letter: Sequence[str]
    """Subject, text, label of the button."""
    work: Sequence[str]
    phish: Sequence[str]
    """Subject, text, label of the button."""


PHRASES = {
    "de": Phrases(
        "{Hallo|Liebe(r)|Guten Tag} <first>,", "{Viele Grüße|Bis bald|Herzlich|Liebe Grüße}",
        ("{Wir waren|Ich war} am Wochenende in <city> und {haben viel gesehen|das Wetter war herrlich|es hat nur geregnet}.",
         "{Hast du|Habt ihr} am {Freitag|Samstag} Zeit {zum Essen|für einen Spaziergang|für Kaffee}?",
         "{Die Fotos|Die Bilder} schicke ich {morgen|später|am Abend}.", "Danke {nochmals|sehr} für {das Buch|die Blumen|deine Hilfe}!"),
        ("{Ihre Bestellung <n>|Bestellbestätigung <n>|Ihr Paket ist unterwegs}", "{Vielen Dank für Ihre Bestellung|Wir haben Ihre Bestellung "
         "erhalten}. {Die Lieferung erfolgt in zwei Tagen|Sie erhalten eine Nachricht, sobald das Paket unterwegs ist}. Summe: <n>,90 €.", "Bestellung ansehen"),
        ("{Neu im <month>|Unser Rundbrief <n>|<n> % auf {Bücher|Garten|Schuhe}}", "{Entdecken Sie|Lesen Sie} {unsere neuen Ideen für {Küche|Garten|Reise}|"
         "was in <city> passiert}. {Die Aktion gilt bis Sonntag|Wir freuen uns auf Ihren Besuch}.", "Mehr erfahren"),
        ("{Anbei|Im Anhang} {das Protokoll|der Entwurf|das Angebot} {von gestern|zur Durchsicht}.", "{Können wir|Wollen wir} den Termin auf "
         "{Dienstag|Donnerstag} {verschieben|legen}?", "{Bitte um Rückmeldung|Rückfragen gern} bis {Freitag|Ende der Woche}."),
        ("{Ihr Konto wurde eingeschränkt|Wichtige Mitteilung zu Ihrem Konto}", "{Sehr geehrter Kunde|Guten Tag}, wir haben {ungewöhnliche Aktivitäten|"
         "einen fremden Zugriff} festgestellt. Bestätigen Sie Ihre Daten innerhalb von 24 Stunden, sonst wird Ihr Zugang gesperrt.", "Jetzt bestätigen")),
    "fr": Phrases(
        "{Bonjour|Cher|Salut} <first>,", "{Bien à toi|À bientôt|Amitiés|Cordialement}",
        ("{Nous étions|J'étais} à <city> ce week-end et {il a plu|c'était superbe|on a trop mangé}.", "{Tu es libre|Vous êtes libres} "
         "{vendredi|samedi} pour {dîner|un café|une balade} ?", "Je t'envoie {les photos|l'adresse|la recette} {demain|ce soir}.", "Merci {encore|mille fois} pour {le livre|ton aide}."),
        ("{Votre commande <n>|Confirmation de commande <n>}", "{Merci pour votre commande|Nous avons bien reçu votre commande}. {Elle sera livrée "
         "sous trois jours|Vous recevrez un message lors de l'expédition}. Total : <n>,50 €.", "Voir la commande"),
        ("{La lettre de <month>|Nos nouveautés|-<n> % sur {la maison|les livres}}", "{Découvrez|Retrouvez} {nos idées pour {le jardin|la cuisine}|"
         "l'actualité de <city>}. {Offre valable jusqu'à dimanche|À très bientôt}.", "En savoir plus"),
        ("{Ci-joint|Vous trouverez ci-joint} {le compte rendu|le devis|le planning} {d'hier|pour relecture}.", "Peut-on {déplacer|avancer} la réunion à {mardi|jeudi} ?",
         "Merci de {me répondre|valider} avant {vendredi|lundi}."),
        ("{Votre compte est suspendu|Action requise sur votre compte}", "Cher client, {une activité inhabituelle|une connexion inconnue} a été détectée. "
         "Confirmez vos informations sous 24 heures, sans quoi votre accès sera bloqué.", "Confirmer mon compte")),
    "es": Phrases(
        "{Hola|Querido|Buenos días} <first>:", "{Un abrazo|Saludos|Hasta pronto|Besos}",
        ("{Estuvimos|Estuve} en <city> el fin de semana y {hizo sol|llovió mucho|comimos de maravilla}.", "¿{Tienes|Tenéis} libre el {viernes|sábado} para "
         "{cenar|un café|pasear}?", "Te mando {las fotos|la receta} {mañana|luego}.", "Gracias {otra vez|de nuevo} por {el libro|la ayuda}."),
        ("{Tu pedido <n>|Confirmación del pedido <n>}", "{Gracias por tu compra|Hemos recibido tu pedido}. {Llegará en dos días|Te avisaremos cuando salga}. Total: <n>,95 €.", "Ver pedido"),
        ("{Novedades de <month>|Boletín <n>|<n> % en {hogar|libros}}", "{Descubre|Lee} {nuestras ideas para {el jardín|la cocina}|lo que pasa en <city>}. "
         "{Hasta el domingo|Te esperamos}.", "Leer más"),
        ("{Adjunto|Te envío} {el acta|el presupuesto|el borrador} {de ayer|para revisar}.", "¿Podemos {mover|pasar} la reunión al {martes|jueves}?", "{Espero tu respuesta|Quedo pendiente} antes del viernes."),
        ("{Su cuenta ha sido bloqueada|Verifique su cuenta}", "Estimado cliente, hemos detectado {actividad inusual|un acceso no autorizado}. Verifique sus datos en 24 "
         "horas o su cuenta será suspendida.", "Verificar ahora")),
    "it": Phrases(
        "{Ciao|Caro|Buongiorno} <first>,", "{Un saluto|A presto|Un abbraccio|Cordiali saluti}",
        ("{Siamo stati|Sono stato} a <city> e {pioveva|era bellissimo|abbiamo mangiato troppo}.", "{Sei libero|Siete liberi} {venerdì|sabato} per {cena|un caffè}?",
         "Ti mando {le foto|la ricetta} {domani|stasera}.", "Grazie {ancora|mille} per {il libro|l'aiuto}!"),
        ("{Il tuo ordine <n>|Conferma d'ordine <n>}", "{Grazie per il tuo ordine|Abbiamo ricevuto il tuo ordine}. {Arriva in due giorni|Ti scriviamo alla spedizione}. Totale: <n>,90 €.", "Vedi ordine"),
        ("{Novità di <month>|Lettera n. <n>|Sconto <n>% su {casa|libri}}", "{Scopri|Leggi} {le idee per {l'orto|la cucina}|cosa succede a <city>}. {Fino a domenica|Ti aspettiamo}.", "Scopri di più"),
        ("{In allegato|Allego} {il verbale|il preventivo|la bozza} {di ieri|da rivedere}.", "Possiamo spostare la riunione a {martedì|giovedì}?", "Fammi sapere entro {venerdì|lunedì}."),
        ("{Il suo conto è sospeso|Aggiornamento obbligatorio}", "Gentile cliente, abbiamo rilevato {attività insolite|un accesso anomalo}. Confermi i suoi dati entro 24 ore per evitare il blocco.", "Conferma ora")),
    "pt": Phrases(
        "{Olá|Oi|Caro} <first>,", "{Abraço|Até logo|Cumprimentos|Beijos}",
        ("{Estivemos|Estive} em <city> e {choveu|foi lindo|comemos demais}.", "{Tens|Você tem} tempo na {sexta|quinta} para {jantar|um café}?", "Mando {as fotos|a receita} {amanhã|logo}.", "Obrigado {de novo|mesmo} pela {ajuda|visita}!"),
        ("{O seu pedido <n>|Confirmação do pedido <n>}", "{Obrigado pela compra|Recebemos o seu pedido}. {Chega em três dias|Avisamos quando sair}. Total: R$ <n>,90.", "Ver pedido"),
        ("{Novidades de <month>|Boletim <n>|<n>% em {casa|livros}}", "{Descubra|Leia} {ideias para {o jardim|a cozinha}|o que acontece em <city>}. {Até domingo|Esperamos por si}.", "Saiba mais"),
        ("{Em anexo|Segue} {a ata|o orçamento|o rascunho} {de ontem|para revisão}.", "Podemos mudar a reunião para {terça|quinta}?", "{Aguardo resposta|Fico à espera} até sexta."),
        ("{A sua conta foi bloqueada|Atualize os seus dados}", "Prezado cliente, detectamos {atividade incomum|um acesso desconhecido}. Confirme os seus dados em 24 horas ou a conta será cancelada.", "Confirmar")),
    "nl": Phrases(
        "{Hallo|Beste|Hoi} <first>,", "{Groeten|Tot gauw|Liefs|Met vriendelijke groet}",
        ("{We waren|Ik was} in <city> en {het regende|het was heerlijk|we fietsten veel}.", "Heb je {vrijdag|zaterdag} tijd voor {een etentje|koffie}?", "Ik stuur de foto's {morgen|vanavond}.", "{Nogmaals dank|Bedankt} voor {het boek|je hulp}!"),
        ("{Je bestelling <n>|Bevestiging bestelling <n>}", "{Bedankt voor je bestelling|We hebben je bestelling ontvangen}. {Je pakket komt morgen|We mailen zodra het onderweg is}. Totaal: € <n>,95.", "Bekijk bestelling"),
        ("{Nieuw in <month>|Nieuwsbrief <n>|<n>% op {wonen|boeken}}", "{Ontdek|Lees} {ideeën voor {tuin|keuken}|het nieuws uit <city>}. {Geldig tot zondag|Tot snel}.", "Lees meer"),
        ("{Bijgaand|In de bijlage} {het verslag|de offerte|het concept} {van gisteren|ter controle}.", "Kunnen we het overleg naar {dinsdag|donderdag} verzetten?", "Graag antwoord voor {vrijdag|maandag}."),
        ("{Uw rekening is geblokkeerd|Actie vereist}", "Geachte klant, wij zagen {verdachte activiteit|een onbekende aanmelding}. Bevestig uw gegevens binnen 24 uur, anders vervalt uw toegang.", "Nu bevestigen")),
    "sv": Phrases(
        "{Hej|Hejsan|Bästa} <first>,", "{Hälsningar|Vi hörs|Kram|Med vänlig hälsning}",
        ("{Vi var|Jag var} i <city> och {det regnade|det var underbart|badade varje dag}.", "Har du tid på {fredag|lördag} för {middag|en fika}?", "Jag skickar bilderna {imorgon|ikväll}.", "Tack {igen|så mycket} för {boken|hjälpen}!"),
        ("{Din order <n>|Orderbekräftelse <n>}", "{Tack för din beställning|Vi har tagit emot din order}. {Den kommer om två dagar|Vi hör av oss när den skickas}. Summa: <n>9 kr.", "Visa order"),
        ("{Nytt i <month>|Nyhetsbrev <n>|<n> % på {hem|böcker}}", "{Upptäck|Läs om} {idéer för {trädgården|köket}|vad som händer i <city>}. {Gäller till söndag|Välkommen}.", "Läs mer"),
        ("{Bifogat|Här kommer} {protokollet|offerten|utkastet} {från igår|för granskning}.", "Kan vi flytta mötet till {tisdag|torsdag}?", "Svara gärna före {fredag|måndag}."),
        ("{Ditt konto har spärrats|Bekräfta ditt konto}", "Bästa kund, vi har upptäckt {ovanlig aktivitet|en okänd inloggning}. Bekräfta dina uppgifter inom 24 timmar, annars stängs kontot.", "Bekräfta nu")),
    "pl": Phrases(
        "{Cześć|Dzień dobry|Witaj} <first>,", "{Pozdrawiam|Do zobaczenia|Uściski|Z poważaniem}",
        ("{Byliśmy|Byłem} w <city> i {padało|było pięknie|dużo chodziliśmy}.", "Masz czas w {piątek|sobotę} na {kolację|kawę}?", "Zdjęcia wyślę {jutro|wieczorem}.", "{Jeszcze raz dzięki|Dziękuję} za {książkę|pomoc}!"),
        ("{Twoje zamówienie <n>|Potwierdzenie zamówienia <n>}", "{Dziękujemy za zakupy|Otrzymaliśmy zamówienie}. {Dostawa za dwa dni|Napiszemy po wysłaniu paczki}. Razem: <n>,99 zł.", "Zobacz zamówienie"),
        ("{Nowości: <month>|Biuletyn <n>|<n>% na {dom|książki}}", "{Odkryj|Przeczytaj} {pomysły na {ogród|kuchnię}|co słychać w <city>}. {Do niedzieli|Zapraszamy}.", "Czytaj dalej"),
        ("{W załączniku|Przesyłam} {notatkę|ofertę|szkic} {z wczoraj|do przeglądu}.", "Czy możemy przenieść spotkanie na {wtorek|czwartek}?", "Proszę o odpowiedź do {piątku|poniedziałku}."),
        ("{Twoje konto zostało zablokowane|Wymagane działanie}", "Szanowny kliencie, wykryliśmy {nietypową aktywność|obce logowanie}. Potwierdź dane w ciągu 24 godzin, inaczej dostęp zostanie odebrany.", "Potwierdź")),
    "tr": Phrases(
        "{Merhaba|Selam|Sayın} <first>,", "{Sevgiler|Görüşürüz|Saygılarımla|Selamlar}",
        ("Hafta sonu <city> {gezdik|gezisindeydim} ve {yağmur yağdı|çok güzeldi}.", "{Cuma|Cumartesi} {yemeğe|kahveye} gelir misin?", "Fotoğrafları {yarın|akşam} yollarım.", "{Kitap|Yardımın} için {teşekkürler|çok sağ ol}!"),
        ("{Siparişiniz <n>|Sipariş onayı <n>}", "{Siparişiniz için teşekkürler|Siparişinizi aldık}. {İki gün içinde ulaşır|Kargoya verilince yazacağız}. Toplam: <n>,90 TL.", "Siparişi gör"),
        ("{<month> yenilikleri|Bülten <n>|{Kitap|Ev} ürünlerinde %<n>}", "{Bahçe|Mutfak} için {fikirlerimizi keşfedin|yeni yazılarımızı okuyun}. {Pazar gününe kadar|Bekleriz}.", "Devamını oku"),
        ("{Ekte|İlişikte} {tutanak|teklif|taslak} var.", "Toplantıyı {salıya|perşembeye} alabilir miyiz?", "{Cumaya|Pazartesiye} kadar dönüş rica ederim."),
        ("{Hesabınız askıya alındı|Hesabınızı doğrulayın}", "Değerli müşterimiz, {olağandışı işlem|yabancı giriş} tespit ettik. 24 saat içinde bilgilerinizi doğrulayın, yoksa hesabınız kapatılacaktır.", "Doğrula")),
    "ja": Phrases(
        "<first>{さん|様}", "{よろしくお願いします。|またね。|では、また。}",
        ("週末は<city>に{行きました|旅行でした}。{雨でした|とても楽しかったです}。", "{金曜日|土曜日}に{食事|コーヒー}はいかがですか。", "写真は{明日|今夜}送ります。", "{本|お花}をありがとうございました。"),
        ("{ご注文の確認 <n>|ご注文ありがとうございます <n>}", "{ご注文を承りました|ご購入ありがとうございます}。{二日以内にお届けします|発送後にご連絡します}。合計 <n>00円。", "注文を見る"),
        ("{<month>のお知らせ|ニュースレター<n>号|本が<n>%オフ}", "{庭|台所}の{新しい工夫|季節の話題}を{ご紹介します|お届けします}。{日曜日まで|お待ちしております}。", "続きを読む"),
        ("{議事録|見積書|草案}を添付します。", "会議を{火曜日|木曜日}に変更できますか。", "{金曜日|月曜日}までにご返信ください。"),
        ("{アカウントが停止されました|重要なお知らせ}", "お客様のアカウントで{異常な操作|不審なログイン}を検出しました。24時間以内に情報を確認してください。確認がない場合は利用を停止します。", "今すぐ確認")),
}  # fmt: skip


def _slots(scene: Scene) -> dict[str, str]:
    return {
        "first": scene.to.first,
        "city": city(scene.rng),
        "n": str(scene.rng.randint(5, 60)),
        "month": scene.when.strftime("%m/%Y"),
    }


def pick(scene: Scene) -> Phrases:
    """One language."""
    return PHRASES[scene.rng.choice(list(PHRASES))]


def foreign_private(scene: Scene) -> Letter:
    """A private or a work message in another language."""
    rng, phrases = scene.rng, pick(scene)
    at_work = rng.random() < 0.5
    author = rng.choice(scene.world.partners if at_work else scene.world.friends)
    pool = phrases.work if at_work else phrases.private
    texts = [say(rng, text, _slots(scene)) for text in rng.sample(list(pool), rng.randint(1, len(pool)))]
    paragraphs = [
        say(rng, phrases.greeting, _slots(scene)),
        " ".join(texts),
        f"{say(rng, phrases.closing)}\n{author.first}",
    ]
    subject = texts[0].rstrip(".!?。")[:50]
    return Letter(
        (author.name, author.address), subject, personal(scene, paragraphs), "office" if at_work else "webmail"
    )


def foreign_bulk(scene: Scene) -> Letter:
    """An order or a newsletter in another language."""
    rng, phrases = scene.rng, pick(scene)
    order = rng.random() < 0.5
    brand = rng.choice(scene.world.brands[rng.choice(("shop", "news", "travel"))])
    subject, text, label = (say(rng, line, _slots(scene)) for line in (phrases.order if order else phrases.letter))
    blocks = [layout.head(subject), layout.para(say(rng, phrases.greeting, _slots(scene))), layout.para(text),
              layout.button(label, own_url(scene, brand))]  # fmt: skip
    sender = f"{'service' if order else 'news'}@{brand.domain}"
    return Letter((brand.name, sender), subject, company(scene, brand, subject, blocks), "bulk", brand.mailer,
                  signed_by=brand.domain, unsubscribe=not order)  # fmt: skip
